"""Errors, files and settings where something goes wrong half way."""

from __future__ import annotations

import errno
import os
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmolmo.core import errors
from openmolmo.core.config import Config, from_dict, override, parse_value, to_dict
from openmolmo.core.doctor.finding import Finding
from openmolmo.core.doctor.report import examine, finding_lines
from openmolmo.core.errors import ConfigError, DataError, DiskFullError, ImageError, RunError, StoppedError
from openmolmo.core.files import atomic_dir, atomic_file, require_writable, write_json, write_text
from openmolmo.core.runlog import RunLog, read_jsonl

# ------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("a", fix="b"),
        DataError("a", file="f", row=0, field="x", rule="r", fix="b"),
        ImageError("a", kind="empty"),
        StoppedError("a", signal=15),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_crosses_processes_with_all_that_it_knows(error: errors.OpenMolmoError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error) and str(again) == str(error)
    assert again.__dict__ == error.__dict__ and again.exit_code == error.exit_code


def test_row_0_is_a_place_too() -> None:
    assert str(DataError("bad", file="f", row=0)) == "bad (file f, row 0)"
    assert DataError("bad", row=0).reason == "bad"


def test_commands_that_were_stopped_end_as_shells_have_it() -> None:
    assert (StoppedError("s", signal=2).exit_code, StoppedError("s", signal=15).exit_code) == (130, 143)


def test_every_error_is_listed_and_in_the_one_tree() -> None:
    classes = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert classes == set(errors.__all__)
    assert all(issubclass(getattr(errors, name), errors.OpenMolmoError) for name in classes)
    assert all(name in (errors.__doc__ or "") for name in classes)


# ------------------------------------------------------------------------------------------- files


def test_a_disk_that_fills_while_writing_leaves_the_old_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError, match=r"no space left while writing .*a\.txt"):
        write_text(path, "new" * 1000)
    assert path.read_text() == "old" and [one.name for one in tmp_path.iterdir()] == ["a.txt"]


def test_what_json_cannot_hold_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert path.read_text() == '{\n  "a": 1\n}\n'


def test_a_full_disk_leaves_the_old_folder_whole(tmp_path: Path) -> None:
    for text in ("one", None):
        if text is None:
            with pytest.raises(DiskFullError), atomic_dir(tmp_path / "d") as folder:
                (folder / "a").write_text("two")
                raise OSError(errno.EDQUOT, "quota")
        else:
            with atomic_dir(tmp_path / "d") as folder:
                (folder / "a").write_text(text)
    assert (tmp_path / "d" / "a").read_text() == "one"
    assert [one.name for one in tmp_path.iterdir()] == ["d"]


def test_others_may_read_what_was_written(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "x")
    with atomic_dir(tmp_path / "d"):
        pass
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "d").stat().st_mode & 0o777 == 0o755


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with atomic_file(path) as one, atomic_file(path) as other:
        assert one != other
        one.write_text("one")
        other.write_text("other")
    assert path.read_text() == "one"  # the last to finish


def test_a_read_only_place_is_said_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", refused)
    with pytest.raises(RunError, match=r"cannot be made: nothing can be written in .*Read-only file system"):
        require_writable(tmp_path / "new" / "a.png")


@given(st.binary(max_size=60))
def test_a_log_that_was_cut_anywhere_can_be_written_on(tail: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.jsonl"
        path.write_bytes(b'{"step": 1}\n' + tail.replace(b"\n", b" "))
        with RunLog(path) as log:
            log.write(step=2, said="é\u2028")
        rows = read_jsonl(path)
        assert [row["step"] for row in rows] == [1, 2] and rows[1]["said"] == "é\u2028"


def test_a_spoiled_line_in_the_middle_of_a_log_is_not_hidden(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"step": 1}\n{"st\n{"step": 3}\n')
    with pytest.raises(ValueError, match="Unterminated"):
        read_jsonl(tmp_path / "log.jsonl")


# ---------------------------------------------------------------------------------------- settings


@dataclass(frozen=True, kw_only=True)
class Inner(Config):
    rate: float = 1.0
    kind: Literal["none", "some"] = "some"


@dataclass(frozen=True, kw_only=True)
class Outer(Config):
    inner: Inner = field(default_factory=Inner)
    maybe: Inner | None = None
    pair: tuple[int, int] = (1, 2)
    names: tuple[str, ...] = ()
    parts: tuple[Inner, ...] = (Inner(), Inner(rate=2.0))
    limit: int | None = None


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("inner.rate=.5", 0.5),
        ("inner.rate=3", 3.0),
        ("inner.kind=none", "none"),
        ("names=a, b,,c", ("a", "b", "c")),
        ('names=["a,b"]', ("a,b",)),
        ("pair=[3,4]", (3, 4)),
        ("limit=none", None),
        ("limit=7", 7),
        ("limit=7.0", 7),
        ("parts.1.rate=9", 9.0),
        ('maybe={"rate": 5}', Inner(rate=5.0)),
    ],
)
def test_an_override_is_read_by_the_type_of_its_place(assignment: str, value: object) -> None:
    found: object = override(Outer(), [assignment])
    for name in assignment.partition("=")[0].split("."):
        found = found[int(name)] if isinstance(found, tuple) else getattr(found, name)  # type: ignore[index]
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("inner.rat=1", "did you mean rate"),
        ("inner.rate=true", "inner.rate=True is bool, must be float"),
        ("inner.kind=all", "'all' is not one of none, some"),
        ("pair=[1]", "pair has 1 items, must have 2"),
        ("parts.2.rate=1", "'2' is not an index of 2 items"),
        ("maybe.rate=1", "that 'rate' is a part of is none"),
        ("inner.rate.low=1", "a value of type float has no field 'low'"),
        ("limit=7.5", "limit=7.5 is float"),
        ("inner", "'inner' is not of the form key=value"),
        ("=5", "there is no setting ''"),
    ],
)
def test_a_wrong_override_changes_nothing_and_says_why(assignment: str, said: str) -> None:
    config = Outer()
    with pytest.raises(ConfigError) as caught:
        override(config, ["names=x", assignment])
    assert said in str(caught.value) and config == Outer()


@given(st.floats(allow_nan=False), st.integers(), st.lists(st.text(max_size=8), max_size=4).map(tuple))
def test_settings_come_back_from_plain_values(rate: float, limit: int, names: tuple[str, ...]) -> None:
    config = Outer(inner=Inner(rate=rate), limit=limit, names=names, maybe=Inner(kind="none"))
    assert from_dict(Outer, to_dict(config)) == config


def test_a_text_is_a_text_even_where_it_looks_like_a_number() -> None:
    assert parse_value("007", str, "x") == "007"
    assert parse_value("none", str, "x") == "none"
    assert parse_value("a=b", Path, "x") == Path("a=b")


# ------------------------------------------------------------------------------------------ doctor


def test_findings_stand_under_their_groups_with_what_to_do() -> None:
    findings = [
        Finding(group="one", name="a", value="1"),
        Finding(group="two", name="longer", value="2", state="broken", fix="mend it"),
        Finding(group="one", name="b", value="3", state="note"),
    ]
    assert finding_lines(findings) == [
        "one",
        "  ok      a       1",
        "  -       b       3",
        "two",
        "  BROKEN  longer  2",
        "                  -> mend it",
    ]


def test_what_is_broken_says_what_to_do_and_nothing_is_written(tmp_path: Path) -> None:
    findings = examine(tmp_path)
    assert {"versions", "devices", "disk"} <= {one.group for one in findings}
    assert all(one.fix for one in findings if one.state == "broken")
    assert all("\n" not in one.value for one in findings)
    assert list(tmp_path.iterdir()) == []
