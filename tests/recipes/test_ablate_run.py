"""Table 2d from its command to its report, as small as can be; the numbers it gives mean nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

_COMMAND = [sys.executable, "-m", "openmolmo", "ablate"]
_SMALL = ["run", "2d", "--scale", "0.006", "--seeds", "2", "--workers", "1", "--dir"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_2d_runs_to_its_end_though_it_is_killed(tmp_path: Path) -> None:
    began = subprocess.Popen([*_COMMAND, *_SMALL, str(tmp_path)], stderr=subprocess.DEVNULL)
    while not list(tmp_path.glob("stages/see-*/metrics.jsonl")):
        assert began.poll() is None
        time.sleep(0.2)
    began.send_signal(signal.SIGKILL)
    began.wait()
    done = subprocess.run([*_COMMAND, *_SMALL, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "Does it help to look at a picture in several crops" in done.stdout
    results = [json.loads(path.read_text()) for path in tmp_path.glob("runs/2d/*/result.json")]
    assert len(results) == 6 and {one["run"]["status"] for one in results} == {"done"}
    asked = [[row["id"] for row in one["rows"]["short_answers"]] for one in results]
    assert asked[0] and all(names == asked[0] for names in asked)  # the same questions for every arm and seed
    assert len(list(tmp_path.glob("stages/see-*/final"))) == 1  # one encoder for all
    assert not list(tmp_path.glob("stages/*/step-*"))
    again = subprocess.run([*_COMMAND, *_SMALL, str(tmp_path)], capture_output=True, text=True, check=True)
    assert again.stdout == done.stdout
    page, table = tmp_path / "page.html", tmp_path / "table.md"
    subprocess.run([*_COMMAND, "report", "--dir", tmp_path, "--html", page, "--markdown", table], check=True)
    assert "<svg" in page.read_text() and "overlap against single crop" in table.read_text()
    assert list((tmp_path / "logs").iterdir())
