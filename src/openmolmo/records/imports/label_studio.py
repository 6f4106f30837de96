"""Label Studio, its "JSON" export: key points, boxes (their centres) and text areas.

A key point's label is its key-point label, or, if it has a text area of its own, what was written there. Text
areas for the whole picture are captions; named ``transcript...`` transcripts; a pair named ``question`` and
``answer`` is a question. Choices named ``absent...`` or ``not_present...`` are labels that are not there.

Of several annotations of one task the one starred as ground truth counts, otherwise the first that was not
cancelled. Marks that began as a model's prediction are of unknown making: the audit refuses them.

In a task with several pictures a mark belongs to the one that its ``to_name`` names: a key of the task's data,
or a name that the project's labelling interface (``config``) binds to such a key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from openmolmo.core.errors import DataError
from openmolmo.records.example import Made
from openmolmo.records.imports.label_studio_places import Pictures, bound_names, place
from openmolmo.records.imports.marked import Account, BadEntry, Marked
from openmolmo.records.imports.values import entry, read_json, required, shown, size

__all__ = ["read_label_studio"]

_SHAPES = ("keypoint", "rectangle", "ellipse")


def read_label_studio(file: Path, account: Account, *, config: Path | None = None) -> Iterator[Marked]:
    """Every annotated task of an export; a file of another form is a :class:`DataError`."""
    tasks = read_json(file)
    if not isinstance(tasks, list):
        raise DataError("is no list of tasks", file=str(file), rule="form", fix='export as "JSON" from Label Studio')
    bound = bound_names(config) if config is not None else {}
    for number, task in enumerate(tasks):
        where = f"task {number}"
        try:
            values = entry(task, where)
            if not isinstance(values.get("data"), dict) or not isinstance(values.get("annotations"), list):
                raise BadEntry('has no data and annotations: export as "JSON", not as "JSON-MIN"')
            if "id" in values:
                where = f"task {number} (id {shown(values['id'])})"
            yield from _task(values["data"], values["annotations"], where, bound, account)
        except BadEntry as error:
            account.leave("tasks that cannot be read", where, str(error))


def _task(
    data: Mapping[str, Any], annotations: list[Any], where: str, bound: Mapping[str, str], account: Account
) -> Iterator[Marked]:
    done = [one for one in annotations if isinstance(one, dict) and not one.get("was_cancelled")]
    if not done:
        account.leave("tasks without an annotation", where)
        return
    chosen = next((one for one in done if one.get("ground_truth")), done[0])
    for one in done:
        if one is not chosen:
            account.leave("further annotations of the same task", where, f"annotation {shown(one.get('id'))}")
    results = chosen.get("result") or []
    if not isinstance(results, list):
        raise BadEntry(f"its result is {shown(results)}, no list")
    reader = _Task(Pictures(data, bound, where), where, account)
    reader.read([one for one in results if reader.is_result(one)])
    yield from reader.pictures.marked()


class _Task:
    """The results of one annotation, put to the pictures that they belong to."""

    def __init__(self, pictures: Pictures, where: str, account: Account) -> None:
        self.pictures, self.where, self.account = pictures, where, account

    def is_result(self, one: object) -> bool:
        """Whether it has what every result has; otherwise it is left out."""
        try:
            values = entry(one, "a result")
            if not isinstance(required(values, "type"), str):
                raise BadEntry(f"has the type {shown(values['type'])}")
            if values["type"] != "relation":
                entry(required(values, "value"), "value")
        except BadEntry as error:
            self.account.leave("results that cannot be read", self.where, f"a result of the task {error}")
            return False
        return True

    def read(self, results: list[dict[str, Any]]) -> None:
        regions = {str(one.get("id")) for one in results if _shape(one) in _SHAPES}
        areas = [one for one in results if one["type"] == "textarea"]
        written = {str(one.get("id")): _text(one) for one in areas if str(one.get("id")) in regions and _text(one)}
        texts: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        for one in results:
            name = str(one.get("from_name", ""))
            try:
                if _shape(one) in _SHAPES:
                    self._region(one, written.get(str(one.get("id"))))
                elif one["type"] == "textarea" and str(one.get("id")) not in regions:
                    texts.setdefault(name, []).append((_text(one), one))
                elif one["type"] == "choices" and name.startswith(("absent", "not_present")):
                    self._absent(one)
                elif one["type"] != "textarea":
                    self.account.leave(f"marks of type {one['type']}", self.where, shown(one.get("id")))
            except BadEntry as error:
                self.account.leave("marks that cannot be read", self.where, f"{shown(one.get('id'))} {error}")
        self._texts({name: found for name, found in texts.items() if any(text for text, _ in found)})

    def _region(self, one: dict[str, Any], written: str | None) -> None:
        shape, value = _shape(one), one["value"]
        labels = [written] if written else value.get(f"{shape}labels") or value.get("labels") or []
        if isinstance(labels, str) or not isinstance(labels, list):
            raise BadEntry(f"has the labels {shown(labels)}, no list")
        if not labels:
            self.account.leave("marks without a label", self.where, shown(one.get("id")))
            return
        if one.get("image_rotation"):
            self.account.leave("marks on pictures that were turned by hand", self.where, ", ".join(map(str, labels)))
            return
        marked = self.pictures.of(one)
        declared = size(one, "original_width", "original_height")
        marked.size = marked.size or declared
        where = f"{self.where} result {one['id']}" if "id" in one else self.where
        marked.marks += [place(str(label), shape, value, declared, where) for label in labels]
        marked.say("pointing", _how(one, Made.CLICKED))

    def _absent(self, one: dict[str, Any]) -> None:
        labels = required(one["value"], "choices")
        if not isinstance(labels, list):
            raise BadEntry(f"choices is {shown(labels)}, no list")
        marked = self.pictures.of(one)
        marked.absent += [str(label) for label in labels]
        marked.say("not_present", _how(one, Made.CLICKED))

    def _texts(self, texts: dict[str, list[tuple[str, dict[str, Any]]]]) -> None:
        """Text areas of whole pictures, by their names."""
        if "question" in texts and "answer" in texts:
            self._question(texts["question"][0], texts["answer"][0])
        for name, found in texts.items():
            if name in ("question", "answer"):
                if not {"question", "answer"} <= set(texts):
                    self.account.leave("questions and answers without the other", self.where, found[0][0])
                continue
            kind = "transcript" if name.startswith("transcript") else "caption"
            for text, one in found:
                if text:
                    self._said(kind, text, one)

    def _question(self, asked: tuple[str, dict[str, Any]], answered: tuple[str, dict[str, Any]]) -> None:
        try:
            marked = self.pictures.of(asked[1])
        except BadEntry as error:
            self.account.leave("texts that cannot be placed", self.where, str(error))
            return
        marked.questions.append((asked[0], answered[0]))
        for _, one in (asked, answered):
            marked.say("question_answer", _how(one, Made.WRITTEN))

    def _said(self, kind: str, text: str, one: dict[str, Any]) -> None:
        try:
            marked = self.pictures.of(one)
        except BadEntry as error:
            self.account.leave("texts that cannot be placed", self.where, str(error))
            return
        (marked.transcripts if kind == "transcript" else marked.captions).append(text)
        marked.say(kind, _how(one, Made.WRITTEN))


def _shape(one: Mapping[str, Any]) -> str:
    """``keypointlabels`` and ``keypoint`` are the same mark, with and without a label."""
    return str(one["type"]).removesuffix("labels")


def _text(one: Mapping[str, Any]) -> str:
    text = one["value"].get("text") or ""
    return (text if isinstance(text, str) else "\n".join(map(str, text)) if isinstance(text, list) else "").strip()


def _how(one: Mapping[str, Any], by_hand: Made) -> Made:
    return by_hand if one.get("origin", "manual") == "manual" else Made.UNKNOWN
