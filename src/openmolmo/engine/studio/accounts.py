"""People, invitation links and sessions. Of every secret only a hash is stored; a secret is told once, when it is made.

token = invite(session, role="annotator", now=now)          # the secret part of the link /join/<token>
person = join(session, token, name="Ada", now=now)          # uses the link up
cookie = sign_in(session, person, now)                      # the secret of the cookie
session_of(session, cookie, now)                            # SignedIn, or None
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import argon2
from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.orm import Session as Database

from openmolmo.core.errors import DataError
from openmolmo.engine.studio import events
from openmolmo.engine.studio.store.tables import Invitation, Person, Session

__all__ = [
    "ROLES",
    "AccountError",
    "SignedIn",
    "check_password",
    "invitation_of",
    "invite",
    "join",
    "keep_an_admin",
    "person_by",
    "renew_hash",
    "session_of",
    "set_active",
    "set_password",
    "set_role",
    "sign_in",
    "sign_out",
    "sign_out_elsewhere",
    "sign_out_everywhere",
    "withdraw_links_by",
]

ROLES = ("annotator", "reviewer", "admin")
"""Each may do what the ones before it may."""

LINK_SECONDS = 14 * 86_400.0
SESSION_SECONDS = 30 * 86_400.0
MIN_PASSWORD = 10
"""Characters, as NIST SP 800-63B has it for secrets that a person chooses (at least 8; we ask for two more)."""
MAX_NAME = 80


class AccountError(DataError):
    """A link, name or password cannot be used. ``key`` names the sentence of the catalogue that says so."""

    def __init__(self, message: str, *, key: str, fix: str | None = None) -> None:
        super().__init__(message, fix=fix)
        self.key = key


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A person who is signed in, as pages see them; none of it is a secret but ``csrf``."""

    session_id: int
    person_id: int
    name: str
    role: str
    locale: str
    csrf: str
    has_password: bool = False
    keys: Mapping[str, str] = field(default_factory=dict)
    """Keyboard keys of their own choice, by action."""

    def may(self, role: str) -> bool:
        """Whether this person has at least ``role``."""
        return ROLES.index(self.role) >= ROLES.index(role)


def _hash(secret: str) -> str:
    # The secrets are 256 random bits, so one fast hash is as good as a slow one.
    return hashlib.sha256(secret.encode()).hexdigest()


@cache
def _hasher() -> argon2.PasswordHasher:
    return argon2.PasswordHasher()


def invite(
    db: Database,
    *,
    role: str,
    now: float,
    person_id: int | None = None,
    uses: int = 1,
    seconds: float = LINK_SECONDS,
    created_by: int | None = None,
) -> str:
    """A new link's secret. It makes ``uses`` new people of ``role``, or signs ``person_id`` in once."""
    if role not in ROLES:
        raise AccountError(
            f"there is no role {role!r}", key="account.no_role", fix=f"one of {', '.join(reversed(ROLES))}"
        )
    token = secrets.token_urlsafe(32)
    row = Invitation(
        token_hash=_hash(token),
        role=role,
        person_id=person_id,
        uses_left=1 if person_id is not None else uses,
        expires_at=now + seconds,
        created_by=created_by,
        created_at=now,
    )
    db.add(row)
    db.flush()
    events.record(db, "invitation.made", "invitation", row.id, person_id=created_by, after={"role": role, "uses": uses})
    return token


def invitation_of(db: Database, token: str, now: float) -> Invitation:
    """The invitation behind a link that may still be used; :class:`AccountError` otherwise."""
    row = db.scalar(select(Invitation).where(Invitation.token_hash == _hash(token)))
    if row is None or row.uses_left < 1 or row.expires_at <= now:
        raise AccountError(
            "this link was used up, has ended or was never given out", key="account.link_over", fix="ask for a new one"
        )
    return row


def join(db: Database, token: str, *, name: str, now: float, locale: str = "en") -> Person:
    """Use a link up: the person whom it signs in, or a new one called ``name``."""
    row = invitation_of(db, token, now)
    used = db.scalar(
        update(Invitation)
        .where(Invitation.id == row.id, Invitation.uses_left > 0)
        .values(uses_left=Invitation.uses_left - 1)
        .returning(Invitation.id)
    )
    if used is None:  # two browsers at the same moment
        raise AccountError("this link was used up", key="account.link_over", fix="ask for a new one")
    if row.person_id is not None:
        person = db.get(Person, row.person_id)
        assert person is not None, "a link for a person who is not there"
        if person.disabled_at is not None or person.erased_at is not None:
            raise AccountError("this account is closed", key="account.closed")
        return person
    person = Person(name=_free_name(db, name), role=row.role, locale=locale, keys={}, created_at=now)
    db.add(person)
    db.flush()
    events.record(db, "person.joined", "person", person.id, person_id=person.id, after={"role": person.role})
    return person


def _free_name(db: Database, name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise AccountError(f"a name has 1 to {MAX_NAME} characters", key="account.bad_name")
    if person_by(db, name) is not None:
        raise AccountError(f"there is somebody called {name!r} already", key="account.name_taken")
    return name


def person_by(db: Database, name: str) -> Person | None:
    """The person of that name, whatever the case of its letters."""
    return db.scalar(select(Person).where(func.lower(Person.name) == name.strip().lower(), Person.erased_at.is_(None)))


def sign_in(db: Database, person: Person, now: float) -> str:
    """Begin a session; returns the secret of its cookie."""
    if person.disabled_at is not None or person.erased_at is not None:
        raise AccountError("this account is closed", key="account.closed")
    secret = secrets.token_urlsafe(32)
    db.add(
        Session(
            token_hash=_hash(secret),
            csrf=secrets.token_urlsafe(32),
            person_id=person.id,
            created_at=now,
            expires_at=now + SESSION_SECONDS,
        )
    )
    db.flush()
    events.record(db, "person.signed_in", "person", person.id, person_id=person.id)
    return secret


def session_of(db: Database, secret: str, now: float) -> SignedIn | None:
    """Who is behind a cookie; none where it is unknown, over, or of somebody who may not sign in."""
    found = db.execute(_BEHIND_COOKIE, {"token_hash": _hash(secret), "now": now}).mappings().first()
    return None if found is None else SignedIn(**found)


# Columns, not rows, and put together once: this is asked at every request.
_BEHIND_COOKIE = (
    select(
        Session.id.label("session_id"),
        Person.id.label("person_id"),
        Person.name,
        Person.role,
        Person.locale,
        Person.keys,
        Session.csrf,
        Person.password.is_not(None).label("has_password"),
    )
    .join(Person, Person.id == Session.person_id)
    .where(
        Session.token_hash == bindparam("token_hash"),
        Session.expires_at > bindparam("now"),
        Person.disabled_at.is_(None),
        Person.erased_at.is_(None),
    )
)


def sign_out(db: Database, session_id: int) -> None:
    """End one session."""
    db.execute(delete(Session).where(Session.id == session_id))


def sign_out_everywhere(db: Database, person_id: int) -> None:
    """End all sessions of a person and the links that would sign them in."""
    db.execute(delete(Session).where(Session.person_id == person_id))
    db.execute(update(Invitation).where(Invitation.person_id == person_id).values(uses_left=0))


def sign_out_elsewhere(db: Database, person_id: int, session_id: int) -> None:
    """End all sessions of a person but one."""
    db.execute(delete(Session).where(Session.person_id == person_id, Session.id != session_id))


def withdraw_links_by(db: Database, person_id: int) -> None:
    """End the links that a person made: who may not invite any more must not come back by a link kept for later."""
    db.execute(update(Invitation).where(Invitation.created_by == person_id).values(uses_left=0))


def set_password(db: Database, person: Person, password: str) -> None:
    """Store the argon2 hash of a password."""
    if len(password) < MIN_PASSWORD or len(password) > 1024:
        raise AccountError(f"a password has at least {MIN_PASSWORD} characters", key="account.short_password")
    person.password = _hasher().hash(password)
    events.record(db, "person.password_set", "person", person.id, person_id=person.id)


@cache
def _decoy() -> str:
    return _hasher().hash(secrets.token_urlsafe(16))


def check_password(db: Database, name: str, password: str) -> Person:
    """The person with that name and password; a wrong name takes as long, and says the same, as a wrong password."""
    person = person_by(db, name)
    stored = person.password if person is not None and person.password is not None else _decoy()
    try:
        _hasher().verify(stored, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        person = None
    if person is None or person.password is None:
        raise AccountError("the name or the password is wrong", key="account.wrong_password")
    return person


def renew_hash(person: Person, password: str) -> None:
    """Hash a password that was found right anew, where argon2 has better parameters by now."""
    if person.password is not None and _hasher().check_needs_rehash(person.password):
        person.password = _hasher().hash(password)


def set_role(db: Database, person: Person, role: str, *, by: int | None) -> None:
    """Give a person another role. The last admin stays one."""
    if role not in ROLES:
        raise AccountError(
            f"there is no role {role!r}", key="account.no_role", fix=f"one of {', '.join(reversed(ROLES))}"
        )
    before = person.role
    if before == "admin" and role != "admin":
        keep_an_admin(db, person)
        withdraw_links_by(db, person.id)
    person.role = role
    events.record(db, "person.role", "person", person.id, person_id=by, before={"role": before}, after={"role": role})


def set_active(db: Database, person: Person, active: bool, *, by: int | None, now: float) -> None:
    """Let a person in again, or shut them out at once: their sessions and links end."""
    if not active:
        if person.role == "admin":
            keep_an_admin(db, person)
        sign_out_everywhere(db, person.id)
        withdraw_links_by(db, person.id)
    person.disabled_at = None if active else now
    events.record(db, "person.enabled" if active else "person.disabled", "person", person.id, person_id=by)


def keep_an_admin(db: Database, person: Person) -> None:
    """Raise where ``person`` is the only admin: without one nobody could mend anything."""
    others = db.scalar(
        select(func.count())
        .select_from(Person)
        .where(Person.role == "admin", Person.id != person.id, Person.disabled_at.is_(None), Person.erased_at.is_(None))
    )
    if not others:
        raise AccountError(
            f"{person.name} is the only admin", key="account.last_admin", fix="make somebody else an admin first"
        )
