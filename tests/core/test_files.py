"""Files are whole or absent, and a full disk is said in words."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from openmolmo.core.errors import DiskFullError, MissingDependencyError, RunError
from openmolmo.core.files import (
    atomic_dir,
    atomic_file,
    require_writable,
    sha256_bytes,
    sha256_file,
    write_json,
    write_text,
)
from openmolmo.core.optional import require


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_atomic_file_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    with atomic_file(path) as temporary:
        temporary.write_text("hello")
        assert not path.exists()
    assert path.read_text() == "hello"
    assert names(path.parent) == ["a.txt"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(error), atomic_file(path) as temporary:
        temporary.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_atomic_dir_replaces_whole_folders(tmp_path: Path) -> None:
    path = tmp_path / "d"
    for text in ("one", "two"):
        with atomic_dir(path) as temporary:
            (temporary / text).write_text(text)
    assert names(path) == ["two"]
    with pytest.raises(RuntimeError), atomic_dir(path) as temporary:
        (temporary / "three").write_text("three")
        raise RuntimeError
    assert names(path) == ["two"]
    assert names(tmp_path) == ["d"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_names_the_place_and_the_way_out(tmp_path: Path, number: int) -> None:
    with (
        pytest.raises(DiskFullError, match=r"a\.txt: .* MB free.*\n  -> free some space"),
        atomic_file(tmp_path / "a.txt"),
    ):
        raise OSError(number, "full")
    assert names(tmp_path) == []


def test_other_system_errors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), atomic_file(tmp_path / "a.txt"):
        raise PermissionError(errno.EACCES, "no")


def test_json_and_hashes(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"é": [1, 2.5, None]})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"é": [1, 2.5, None]}
    assert "é" in (tmp_path / "a.json").read_text(encoding="utf-8")
    write_text(tmp_path / "b", "abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_file(tmp_path / "b") == sha256_bytes(b"abc") == known


def test_a_missing_package_says_the_pip_line() -> None:
    with pytest.raises(MissingDependencyError, match=r"the package 'not_there', which"):
        require("not_there.within", extra="synth")
    with pytest.raises(MissingDependencyError, match=r'pip install "openmolmo\[synth\]"'):
        require("surely_no_such_package", extra="synth")
    assert require("json", extra="synth") is json


def test_what_cannot_be_written_is_known_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("taken")
    with pytest.raises(RunError, match=r"a\.txt is not a folder"):
        require_writable(tmp_path / "a.txt" / "points.png")
    with pytest.raises(RunError, match="nothing can be written in"):
        require_writable(Path("/proc/points.png"))  # the permissions of its folder would allow it
    require_writable(tmp_path / "new" / "folder" / "points.png")
    require_writable(tmp_path)
    assert names(tmp_path) == ["a.txt"]
