"""Every table of the studio. The page ``docs/studio-data-model.md`` is made from these docstrings and ``doc=`` texts.

Times are UTC seconds since 1970 (float). Points are percent of the natural picture's width and height, 0-100.
Secrets are stored as hashes only. Nothing is deleted but by a person's own request (``Person.erased_at``).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Float, ForeignKey, Index, Integer, MetaData, String, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedColumn, mapped_column, relationship

__all__ = [
    "Access",
    "Annotation",
    "Base",
    "Chunk",
    "Event",
    "Invitation",
    "Job",
    "Lease",
    "Person",
    "Picture",
    "Project",
    "Recording",
    "Review",
    "Session",
    "Setting",
    "Task",
    "Transcript",
    "Turn",
]

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


_NONE_AS_NULL = JSON(none_as_null=True)  # None is no value, not JSON's null: "is null" must find it


class Base(DeclarativeBase):
    """What all tables share: JSON columns from ``dict`` and ``list``, and named constraints (migrations need names)."""

    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map = {dict[str, Any]: JSON, list[Any]: JSON}  # noqa: RUF012


def _key() -> MappedColumn[int]:
    # SQLite counts rows by itself only for its own INTEGER type.
    number = BigInteger().with_variant(Integer, "sqlite")
    return mapped_column(number, primary_key=True, autoincrement=True, doc="Number of the row.")


def _to(table: str, doc: str, **more: Any) -> MappedColumn[Any]:
    return mapped_column(ForeignKey(f"{table}.id"), doc=doc, **more)


def _row() -> Any:
    # To read only: rows are joined by their numbers, and saving need not look at what hangs together.
    return relationship(viewonly=True)


class Setting(Base):
    """One fact about the whole studio: which project is shown, when the sweeper last ran, secrets of this studio."""

    __tablename__ = "setting"
    name: Mapped[str] = mapped_column(String(80), primary_key=True, doc="What it is called.")
    value: Mapped[dict[str, Any]] = mapped_column(doc="Its value, an object.")


class Person(Base):
    """Somebody who works in the studio. A person who asked to be forgotten stays as a row without name (tombstone)."""

    __tablename__ = "person"
    id: Mapped[int] = _key()
    name: Mapped[str] = mapped_column(String(200), doc="Shown name; empty after erasure.")
    role: Mapped[str] = mapped_column(String(20), doc="admin, reviewer or annotator.")
    password: Mapped[str | None] = mapped_column(Text, doc="argon2 hash, or none where only links are used.")
    locale: Mapped[str] = mapped_column(String(10), default="en", doc="Language of the interface: en or de.")
    keys: Mapped[dict[str, Any]] = mapped_column(default=dict, doc="Keyboard keys of their own choice, by action.")
    created_at: Mapped[float] = mapped_column(Float, doc="When the person came in.")
    disabled_at: Mapped[float | None] = mapped_column(Float, doc="Since when they may not sign in, if at all.")
    erased_at: Mapped[float | None] = mapped_column(Float, doc="When their data were deleted at their request.")


class Invitation(Base):
    """A link that lets somebody in. Only the hash of its secret is kept."""

    __tablename__ = "invitation"
    id: Mapped[int] = _key()
    token_hash: Mapped[str] = mapped_column(String(64), unique=True, doc="sha256 of the secret in the link.")
    role: Mapped[str] = mapped_column(String(20), doc="The role that it gives.")
    person_id: Mapped[int | None] = _to("person", "Whom it signs in; none makes a new person.")
    uses_left: Mapped[int] = mapped_column(Integer, doc="How often it may still be used.")
    expires_at: Mapped[float] = mapped_column(Float, doc="When it ends.")
    created_by: Mapped[int | None] = _to("person", "Who made it; none is the command line.")
    created_at: Mapped[float] = mapped_column(Float, doc="When it was made.")


class Session(Base):
    """A signed-in browser. Only the hash of its cookie is kept."""

    __tablename__ = "session"
    id: Mapped[int] = _key()
    token_hash: Mapped[str] = mapped_column(String(64), unique=True, doc="sha256 of the cookie.")
    csrf: Mapped[str] = mapped_column(String(64), doc="Secret that every change must repeat.")
    person_id: Mapped[int] = _to("person", "Who is signed in.", index=True)
    created_at: Mapped[float] = mapped_column(Float, doc="When it began.")
    expires_at: Mapped[float] = mapped_column(Float, doc="When it ends.")


class Project(Base):
    """Pictures and what people shall do with them."""

    __tablename__ = "project"
    id: Mapped[int] = _key()
    name: Mapped[str] = mapped_column(String(200), unique=True, doc="Name of the project and of its data set.")
    licence: Mapped[str] = mapped_column(String(80), doc="Licence of what people make here.")
    settings: Mapped[dict[str, Any]] = mapped_column(
        default=dict, doc="Options by mode: annotations a task, minimum seconds, lease seconds, order, gold share ..."
    )
    created_at: Mapped[float] = mapped_column(Float, doc="When it was made.")


class Picture(Base):
    """A picture, stored once in the studio's folder under the hash of its bytes."""

    __tablename__ = "picture"
    __table_args__ = (Index("uq_picture_project_id_sha256", "project_id", "sha256", unique=True),)
    id: Mapped[int] = _key()
    project_id: Mapped[int] = _to("project", "The project that it belongs to.")
    sha256: Mapped[str] = mapped_column(String(64), doc="Hash of the encoded file.")
    path: Mapped[str] = mapped_column(Text, doc="Place inside the studio's folder.")
    media_type: Mapped[str] = mapped_column(String(40), doc="Type by content, e.g. image/jpeg.")
    width: Mapped[int] = mapped_column(Integer, doc="Pixels, after EXIF rotation.")
    height: Mapped[int] = mapped_column(Integer, doc="Pixels, after EXIF rotation.")
    source: Mapped[str] = mapped_column(Text, doc="Where it came from: a file name or address.")
    licence: Mapped[str] = mapped_column(String(80), default="unknown", doc="Licence of the picture.")
    alt: Mapped[str] = mapped_column(Text, default="", doc="Words that came with the picture.")
    topic: Mapped[str] = mapped_column(String(120), default="", index=True, doc="Topic for balanced choice.")
    split: Mapped[str] = mapped_column(String(12), default="train", doc="train, validation or test.")
    phash: Mapped[str] = mapped_column(String(32), default="", doc="Perceptual hash, for near duplicates.")
    hidden_reason: Mapped[str | None] = mapped_column(Text, doc="Why it is not given out (near duplicate ...), if so.")
    facts: Mapped[dict[str, Any]] = mapped_column(
        default=dict, doc="What programs found: OCR lines, a detector's points, each with the name of its maker."
    )
    created_at: Mapped[float] = mapped_column(Float, doc="When it came in.")


class Task(Base):
    """One thing to do with one picture in one mode, by ``need`` people who do not see each other's work."""

    __tablename__ = "task"
    __table_args__ = (
        Index(
            "ix_task_open",
            "project_id",
            "mode",
            "place",
            postgresql_where=text("slots > 0"),
            sqlite_where=text("slots > 0"),
        ),
    )
    id: Mapped[int] = _key()
    project_id: Mapped[int] = _to("project", "The project that it belongs to.")
    picture_id: Mapped[int] = _to("picture", "The picture.", index=True)
    mode: Mapped[str] = mapped_column(String(40), doc="Annotation mode, a name of the registry.")
    payload: Mapped[dict[str, Any]] = mapped_column(
        default=dict, doc="What the mode needs beyond the picture: a label, shown points, a question, two answers."
    )
    place: Mapped[float] = mapped_column(Float, doc="Order of giving out, lowest first.")
    need: Mapped[int] = mapped_column(Integer, doc="How many people shall do it.")
    slots: Mapped[int] = mapped_column(
        Integer, doc="How many may still take it: need less live leases and finished work."
    )
    gold: Mapped[dict[str, Any] | None] = mapped_column(
        _NONE_AS_NULL, doc="Known answer of a gold task; none otherwise."
    )
    created_at: Mapped[float] = mapped_column(Float, doc="When it was made.")
    project: Mapped[Project] = _row()
    picture: Mapped[Picture] = _row()


class Lease(Base):
    """A person holds a slot of a task for a while. An ended lease gives its slot back."""

    __tablename__ = "lease"
    __table_args__ = (
        Index(
            "ix_lease_live",
            "expires_at",
            postgresql_where=text("ended_at is null"),
            sqlite_where=text("ended_at is null"),
        ),
        Index("uq_lease_task_id_person_id", "task_id", "person_id", unique=True),
    )
    id: Mapped[int] = _key()
    task_id: Mapped[int] = _to("task", "The task.")
    person_id: Mapped[int] = _to("person", "Who holds it.", index=True)
    taken_at: Mapped[float] = mapped_column(Float, doc="When it was taken.")
    expires_at: Mapped[float] = mapped_column(Float, doc="When it ends by itself; renewed while somebody works.")
    ended_at: Mapped[float | None] = mapped_column(Float, doc="When it ended.")
    outcome: Mapped[str | None] = mapped_column(
        String(20), doc="submitted, skipped, expired or erased; none while live."
    )
    reason: Mapped[str | None] = mapped_column(Text, doc="Why it was skipped.")
    task: Mapped[Task] = _row()


class Annotation(Base):
    """What one person made of one task. A draft until submitted; versions are in ``Event``."""

    __tablename__ = "annotation"
    id: Mapped[int] = _key()
    task_id: Mapped[int] = _to("task", "The task.", index=True)
    lease_id: Mapped[int] = _to("lease", "The lease that it was made under.", unique=True)
    person_id: Mapped[int] = _to("person", "Who made it.", index=True)
    payload: Mapped[dict[str, Any]] = mapped_column(default=dict, doc="The work, in the form of its mode.")
    state: Mapped[str] = mapped_column(
        String(12), index=True, doc="draft, submitted, accepted, sent_back, or withdrawn."
    )
    revision: Mapped[int] = mapped_column(Integer, default=0, doc="Counts saves: a save of an older one is refused.")
    created_at: Mapped[float] = mapped_column(Float, doc="First save.")
    changed_at: Mapped[float] = mapped_column(Float, doc="Last save.")
    submitted_at: Mapped[float | None] = mapped_column(Float, doc="When it was handed in.")
    worked_ms: Mapped[int] = mapped_column(Integer, default=0, doc="Milliseconds of work, as the page measured.")
    mended_by: Mapped[int | None] = _to("person", "The reviewer who changed it, if one did.")


class Recording(Base):
    """A spoken caption: the receipt. Original bytes are kept as they came, in chunks, then joined."""

    __tablename__ = "recording"
    id: Mapped[int] = _key()
    lease_id: Mapped[int] = _to("lease", "The lease that it was made under.", index=True)
    person_id: Mapped[int] = _to("person", "Who speaks.", index=True)
    picture_id: Mapped[int] = _to("picture", "Which picture was spoken about.", index=True)
    media_type: Mapped[str] = mapped_column(
        String(80), doc="Type that the browser recorded, e.g. audio/webm;codecs=opus."
    )
    state: Mapped[str] = mapped_column(String(12), doc="open, complete, discarded, failed or erased.")
    path: Mapped[str | None] = mapped_column(Text, doc="Original bytes, inside the studio's folder, when complete.")
    seekable_path: Mapped[str | None] = mapped_column(Text, doc="The same sound repacked as .ogg, for seeking.")
    sha256: Mapped[str | None] = mapped_column(String(64), doc="Hash of the original bytes.")
    size: Mapped[int] = mapped_column(Integer, default=0, doc="Bytes received.")
    milliseconds: Mapped[int | None] = mapped_column(Integer, doc="Length by decoding.")
    speech_share: Mapped[float | None] = mapped_column(Float, doc="Share of the time in which somebody speaks, 0-1.")
    refused: Mapped[str | None] = mapped_column(Text, doc="Which gate it did not pass, in words; none if it passed.")
    started_at: Mapped[float] = mapped_column(Float, doc="When it began.")
    ended_at: Mapped[float | None] = mapped_column(Float, doc="When it was complete or discarded.")


class Chunk(Base):
    """Five seconds of a recording, saved as they came."""

    __tablename__ = "chunk"
    recording_id: Mapped[int] = mapped_column(ForeignKey("recording.id"), primary_key=True, doc="The recording.")
    number: Mapped[int] = mapped_column(Integer, primary_key=True, doc="Place in the recording, from 0.")
    size: Mapped[int] = mapped_column(Integer, doc="Bytes.")
    sha256: Mapped[str] = mapped_column(String(64), doc="Hash of the bytes: the same chunk twice is no error.")
    received_at: Mapped[float] = mapped_column(Float, doc="When it came.")


class Transcript(Base):
    """What a speech recogniser heard, or what the speaker wrote or corrected. None replaces another."""

    __tablename__ = "transcript"
    id: Mapped[int] = _key()
    recording_id: Mapped[int] = _to("recording", "The recording.", index=True)
    engine: Mapped[str] = mapped_column(String(60), doc="Name of the recogniser, or 'person' for a correction.")
    model: Mapped[str] = mapped_column(String(200), default="", doc="Its model.")
    version: Mapped[str] = mapped_column(String(60), default="", doc="Its version.")
    text: Mapped[str] = mapped_column(Text, doc="What was said.")
    words: Mapped[list[Any]] = mapped_column(default=list, doc="Words with start and end in seconds.")
    created_at: Mapped[float] = mapped_column(Float, doc="When it was made.")


class Turn(Base):
    """One turn of asking: a draft, a rejection with its reason, an edit, an acceptance. All are kept."""

    __tablename__ = "turn"
    id: Mapped[int] = _key()
    annotation_id: Mapped[int] = _to("annotation", "The annotation that it belongs to.", index=True)
    number: Mapped[int] = mapped_column(Integer, doc="Place in the conversation, from 0.")
    kind: Mapped[str] = mapped_column(String(12), doc="question, draft, reject, edit, accept, or caption (merged).")
    text: Mapped[str] = mapped_column(Text, doc="What was written.")
    made: Mapped[dict[str, Any]] = mapped_column(default=dict, doc="How: provider, model, prompt and request hash.")
    created_at: Mapped[float] = mapped_column(Float, doc="When.")


class Review(Base):
    """A reviewer's verdict on one annotation."""

    __tablename__ = "review"
    id: Mapped[int] = _key()
    annotation_id: Mapped[int] = _to("annotation", "The annotation.", index=True)
    reviewer_id: Mapped[int] = _to("person", "Who judged.")
    verdict: Mapped[str] = mapped_column(String(12), doc="accepted, sent_back or mended.")
    comment: Mapped[str] = mapped_column(Text, default="", doc="What the reviewer says to the person.")
    created_at: Mapped[float] = mapped_column(Float, doc="When.")


class Job(Base):
    """Work for ``openmolmo studio worker``: transcribe, merge, OCR, draft. A lease that ends is taken up again."""

    __tablename__ = "job"
    __table_args__ = (
        Index(
            "ix_job_waiting",
            "kind",
            "due_at",
            postgresql_where=text("done_at is null"),
            sqlite_where=text("done_at is null"),
        ),
    )
    id: Mapped[int] = _key()
    kind: Mapped[str] = mapped_column(String(30), doc="What to do: a name of the job registry.")
    key: Mapped[str] = mapped_column(String(200), unique=True, doc="The same job asked for twice is one job.")
    payload: Mapped[dict[str, Any]] = mapped_column(default=dict, doc="What it needs.")
    state: Mapped[str] = mapped_column(String(12), doc="waiting, running, done or failed.")
    due_at: Mapped[float] = mapped_column(Float, doc="Not before this time; while running, when its lease ends.")
    attempts: Mapped[int] = mapped_column(Integer, default=0, doc="How often it was begun.")
    worker: Mapped[str] = mapped_column(String(120), default="", doc="Which worker took it last.")
    error: Mapped[str | None] = mapped_column(Text, doc="Why the last attempt failed.")
    result: Mapped[dict[str, Any] | None] = mapped_column(_NONE_AS_NULL, doc="What came out.")
    created_at: Mapped[float] = mapped_column(Float, doc="When it was asked for.")
    done_at: Mapped[float | None] = mapped_column(Float, doc="When it was done or given up.")


class Event(Base):
    """Every change, append-only: who, what, before, after. Receipts, undo, agreement and audit read it."""

    __tablename__ = "event"
    __table_args__ = (Index("ix_event_subject_subject_id", "subject", "subject_id"),)
    id: Mapped[int] = _key()
    at: Mapped[float] = mapped_column(Float, doc="When.")
    person_id: Mapped[int | None] = _to("person", "Who; none is a program.")
    kind: Mapped[str] = mapped_column(String(40), doc="What happened, e.g. annotation.submitted.")
    subject: Mapped[str] = mapped_column(String(30), doc="Table of what it happened to.")
    subject_id: Mapped[int] = mapped_column(BigInteger, doc="Row of what it happened to.")
    before: Mapped[dict[str, Any] | None] = mapped_column(_NONE_AS_NULL, doc="Values before, where something changed.")
    after: Mapped[dict[str, Any] | None] = mapped_column(_NONE_AS_NULL, doc="Values after.")
    worked_ms: Mapped[int | None] = mapped_column(Integer, doc="Milliseconds of work, where known.")


class Access(Base):
    """Somebody listened to or fetched a recording: the audit log of access."""

    __tablename__ = "access"
    id: Mapped[int] = _key()
    recording_id: Mapped[int] = _to("recording", "The recording.", index=True)
    person_id: Mapped[int] = _to("person", "Who.")
    at: Mapped[float] = mapped_column(Float, doc="When.")
    how: Mapped[str] = mapped_column(String(20), doc="listen or export.")
