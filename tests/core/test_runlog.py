"""The run log can be read after any crash, and written on."""

from __future__ import annotations

from pathlib import Path

import pytest

from openmolmo.core.runlog import RunLog, read_jsonl


def test_lines_are_there_at_once_and_appended_later(tmp_path: Path) -> None:
    path = tmp_path / "new" / "log.jsonl"
    with RunLog(path) as log:
        log.write(step=1, loss=0.5)
        assert read_jsonl(path)[0]["loss"] == 0.5
    with RunLog(path) as log:
        log.write(step=2)
    assert [row["step"] for row in read_jsonl(path)] == [1, 2]
    assert read_jsonl(path)[0]["time"] > 0


def test_a_line_cut_by_a_crash_is_left_out_and_written_over(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with RunLog(path) as log:
        log.write(step=1)
    with path.open("a") as stream:
        stream.write('{"step": 2, "lo')
    assert [row["step"] for row in read_jsonl(path)] == [1]
    with RunLog(path) as log:
        log.write(step=2)
    assert [row["step"] for row in read_jsonl(path)] == [1, 2]


def test_damage_in_the_middle_is_not_hidden(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 1}\n{"st\n{"step": 3}\n')
    with pytest.raises(ValueError, match=r"Unterminated|Expecting|delimiter"):
        read_jsonl(path)
