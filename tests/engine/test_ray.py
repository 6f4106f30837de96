"""Generators on Ray: the same bytes as one process, and a worker that dies takes nothing with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from PIL import Image

from openmolmo.core.errors import ConfigError, RunError
from openmolmo.core.executors import EXECUTORS, run_shards
from openmolmo.engine.caption_qa import CaptionQA, make_caption_qa
from openmolmo.engine.count import make_counts
from openmolmo.engine.synth.base import GENERATORS
from openmolmo.engine.synth.driver import synthesize
from openmolmo.records.example import Example


@dataclass
class DiesOnce:
    """Scenes; the first worker that comes to example 5 is killed in the middle of its shard."""

    marker: Path
    name: str = "scenes"
    version: str = "1"

    def make(self, rng: np.random.Generator, index: int, *, size: int, split: str) -> Example:
        if index == 5 and not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return GENERATORS.get("scenes").make(rng, index, size=size, split=split)


def refuse(task: int) -> int:
    raise ConfigError(f"task {task} is refused")


def die(task: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return task


@pytest.mark.slow
@pytest.mark.timeout(480)
def test_ray_makes_the_same_bytes_though_a_worker_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))  # Ray's workers import this module
    monkeypatch.chdir(tmp_path)
    plain = synthesize(GENERATORS.get("scenes"), Path("plain"), count=14, size=96, rows_per_shard=4)
    killed = synthesize(
        DiesOnce(tmp_path / "killed"), Path("many"), count=14, size=96, rows_per_shard=4, workers=2, executor="ray"
    )
    assert (tmp_path / "killed").exists()
    assert killed.made == 4 and killed.manifest.fingerprint == plain.manifest.fingerprint
    assert sorted(path.name for path in Path("many").iterdir()) == sorted(p.name for p in Path("plain").iterdir())
    again = synthesize(GENERATORS.get("scenes"), Path("many"), count=14, size=96, rows_per_shard=4, executor="ray")
    assert (again.made, again.kept) == (0, 4)  # nothing is left to do, so no Ray is started


@pytest.mark.slow
@pytest.mark.timeout(480)
def test_a_cluster_that_was_joined_counts_and_tells_of_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.chdir(tmp_path)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        _count_and_fail(ray)
    finally:
        ray.shutdown()


def _count_and_fail(ray: ModuleType) -> None:
    Path("photos").mkdir()
    for number in range(3):
        picture = np.full((120, 120, 3), 80, np.uint8)
        Image.fromarray(cv2.circle(picture, (60, 50 + number), 24, (220, 200, 120), -1)).save(f"photos/{number}.png")
    counts = [make_counts(Path("photos"), Path(name), executor=name, workers=2) for name in EXECUTORS]
    assert counts[0] == counts[1] and counts[0].kept["train"] == {1: 3}
    assert Path("ray/train/manifest.json").read_bytes() == Path("processes/train/manifest.json").read_bytes()
    synthesize(GENERATORS.get("scenes"), Path("told"), count=6, size=96)
    talks = [make_caption_qa(Path("told"), Path("talks"), CaptionQA(rows_per_shard=2))]
    talks += [
        make_caption_qa(
            Path("told"), Path(f"talks-{name}"), CaptionQA(rows_per_shard=2), executor=name, workers=workers
        )
        for name, workers in (("processes", 2), ("ray", 2))
    ]
    assert talks[0].counts["questions"] and all(other.manifest == talks[0].manifest for other in talks)
    with pytest.raises(ConfigError, match="task 1 is refused"):
        run_shards(refuse, [1], executor="ray", workers=1)
    with pytest.raises(RunError, match="all of them died"):
        run_shards(die, [1], executor="ray", workers=1)
    assert ray.is_initialized()  # it was not ours to close


def test_processes_give_results_in_order_and_tell_of_a_death() -> None:
    seen: list[int] = []
    assert run_shards(abs, [-1, -2, -3], on_done=seen.append) == [1, 2, 3] == seen
    assert run_shards(abs, [-3, -1], workers=2) == [3, 1]


def test_without_ray_a_sentence_says_how_to_install_it(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['ray'] = None\n"
        "from openmolmo.__main__ import run\n"
        f"sys.argv = ['openmolmo', *'synth scenes --count 1 --executor ray --out'.split(), {str(tmp_path)!r}]\n"
        "run()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1 and 'pip install "openmolmo[ray]"' in done.stderr and "Traceback" not in done.stderr
