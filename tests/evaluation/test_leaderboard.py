"""A page of result files: rows of models, published ones beside, and what makes them less comparable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from openmolmo.core.errors import DataError
from openmolmo.evaluation.comparing.result_file import read_result_file
from openmolmo.evaluation.leaderboard.board import board_of
from openmolmo.evaluation.leaderboard.commands import leaderboard
from openmolmo.evaluation.published.tables import BENCHMARKS


def write(path: Path, model: str, tasks: dict[str, float], questions: int = 20, **meta: Any) -> Path:
    rows = {
        name: [{"id": f"p{i}/0", "scores": {"accuracy": float(i < share * questions)}} for i in range(questions)]
        for name, share in tasks.items()
    }
    path.write_text(json.dumps({"meta": {"model": model, **meta}, "rows": rows}))
    return path


def test_models_stand_among_the_published_ones_by_their_average(tmp_path: Path) -> None:
    files = [
        write(tmp_path / "a.json", "<good> & mine", dict.fromkeys(BENCHMARKS, 0.9), crops=36),
        write(tmp_path / "b.json", "partial", {"mmmu": 0.5, "pointing": 0.4}, questions=10, crops=12),
        write(tmp_path / "c.json", "partial", {"clock_bench": 0.6}, questions=10, crops=12),
    ]
    board = board_of([read_result_file(file) for file in files])
    assert board.entries[0].model == "<good> & mine" and board.entries[0].average == pytest.approx(90)
    names = [entry.model for entry in board.entries]
    assert names.index("Molmo-72B") < names.index("GPT-4o-0513") < names.index("partial")
    partial = next(entry for entry in board.entries if entry.model == "partial")
    assert (
        partial.average is None and partial.counted == 1 and set(partial.cells) == {"mmmu", "pointing", "clock_bench"}
    )
    cell = partial.cells["mmmu"]
    assert cell.low is not None and cell.high is not None and cell.low < cell.score < cell.high
    molmo = next(entry for entry in board.entries if entry.model == "Molmo-72B")
    assert molmo.cells["clock_bench"].score == 65.6 and "pointing" not in molmo.cells  # scenes are no Points-Eval
    assert any(note.startswith("crops differs: <good> & mine 36, partial 12") for note in board.notes)
    assert any("mmmu was asked in 20 questions of <good>" in note for note in board.notes)

    out = tmp_path / "page.html"
    done = CliRunner().invoke(leaderboard, [*map(str, files), "--out", str(out), "--title", "Mine"])
    assert done.exit_code == 0 and "2 models" in done.stdout and "crops differs" in done.stderr
    text = out.read_text()
    assert "&lt;good&gt; &amp; mine" in text and "1 of 11" in text and "Molmo-7B-D" in text and "Table 1" in text
    alone = json.loads(
        CliRunner().invoke(leaderboard, [str(files[1]), "--no-published", "--json", "--out", str(out)]).stdout
    )
    assert [entry["model"] for entry in alone["entries"]] == ["partial"]


def test_a_task_in_two_files_of_one_model_is_said(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{n}.json", "m", {"mmmu": share}) for n, share in (("a", 0.5), ("b", 0.8))]
    board = board_of([read_result_file(file) for file in files], published=False)
    assert board.entries[0].cells["mmmu"].score == pytest.approx(80) and "more than one file" in board.notes[0]
    suite = json.loads(files[0].read_text())
    suite["meta"]["benchmarks"] = {"mmmu": {"max_crops": 36, "max_new_tokens": 12}}
    suite["suite"] = {"benchmarks": {"mmmu": {"complete": False}}}
    files[0].write_text(json.dumps(suite))
    suite["meta"] |= {"model": "other", "benchmarks": {"mmmu": {"max_crops": 12, "max_new_tokens": 12}}}
    files[1].write_text(json.dumps(suite))
    notes = " ".join(board_of([read_result_file(file) for file in files], published=False).notes)
    assert "mmmu max_crops differs: m 36, other 12" in notes and "m: not all questions of mmmu were scored" in notes
    assert "max_new_tokens" not in notes
    with pytest.raises(DataError, match="no result file"):
        board_of([])
