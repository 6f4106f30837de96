"""The driver: same bytes however it is run, resumable after anything, never a half-written file."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from fake_generator import FakeGenerator

from openmolmo.core.errors import ConfigError, DataError, DiskFullError, RunError
from openmolmo.engine.synth.base import GENERATORS, make_example
from openmolmo.engine.synth.commands import synth
from openmolmo.engine.synth.driver import synthesize
from openmolmo.records.shards import ParquetDataset

SMALL = {"count": 10, "size": 16, "rows_per_shard": 4}


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_same_seed_gives_the_same_bytes_with_one_and_two_workers(tmp_path: Path) -> None:
    one = synthesize(FakeGenerator(), tmp_path / "one", workers=1, **SMALL)
    two = synthesize(FakeGenerator(), tmp_path / "two", workers=2, **SMALL)
    assert content(one.folder) == content(two.folder)
    assert sorted(content(one.folder)) == [
        "manifest.json",
        "train-00000.parquet",
        "train-00001.parquet",
        "train-00002.parquet",
    ]
    assert [shard.rows for shard in one.manifest.shards] == [4, 4, 2]


def test_examples_are_those_of_make_example_and_depend_on_seed_and_split(tmp_path: Path) -> None:
    synthesize(FakeGenerator(), tmp_path / "a", seed=3, split="test", **SMALL)
    dataset = ParquetDataset(tmp_path / "a")
    dataset.verify()
    generator = FakeGenerator()
    assert list(dataset) == [make_example(generator, 3, index, size=16, split="test") for index in range(10)]
    others = [(4, "test"), (3, "train")]
    assert all(make_example(generator, seed, 0, size=16, split=split) != dataset[0] for seed, split in others)


def test_whole_shards_are_kept_and_damaged_ones_made_again(tmp_path: Path) -> None:
    out = tmp_path / "data"
    synthesize(FakeGenerator(), out, **SMALL)
    before = content(out)
    (out / "train-00001.parquet").write_bytes(before["train-00001.parquet"][:-20])
    damaged = bytearray(before["train-00002.parquet"])
    damaged[200] ^= 1
    (out / "train-00002.parquet").write_bytes(damaged)
    (out / ".train-00002.parquet.abc.tmp").write_bytes(b"left by a killed run")
    kept_time = (out / "train-00000.parquet").stat().st_mtime_ns
    result = synthesize(FakeGenerator(), out, **SMALL)
    assert (result.made, result.kept) == (2, 1)
    assert content(out) == before
    assert (out / "train-00000.parquet").stat().st_mtime_ns == kept_time


def test_a_data_set_can_be_made_longer(tmp_path: Path) -> None:
    synthesize(FakeGenerator(), tmp_path / "grown", **SMALL)
    result = synthesize(FakeGenerator(), tmp_path / "grown", **{**SMALL, "count": 14})
    synthesize(FakeGenerator(), tmp_path / "fresh", **{**SMALL, "count": 14})
    assert (result.made, result.kept) == (2, 2)
    assert content(tmp_path / "grown") == content(tmp_path / "fresh")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 1}, "seed=0"),
        ({"size": 32}, "size=16"),
        ({"rows_per_shard": 5}, "rows_per_shard=4"),
        ({"split": "test"}, "split='train'"),
        ({"count": 9}, "has 2 examples"),
        ({"count": 8}, "need only 2 shards"),
        ({"generator": FakeGenerator(version="2")}, "version='1'"),
        ({"generator": FakeGenerator(name="other")}, "generator='fake'"),
    ],
)
def test_a_folder_with_other_data_is_refused_and_left_alone(
    tmp_path: Path, change: dict[str, object], said: str
) -> None:
    synthesize(FakeGenerator(), tmp_path, **SMALL)
    before = content(tmp_path)
    settings = {"generator": FakeGenerator(), **SMALL, **change}
    with pytest.raises(DataError, match=said) as caught:
        synthesize(settings.pop("generator"), tmp_path, **settings)  # type: ignore[arg-type]
    assert "choose another --out" in str(caught.value)
    assert content(tmp_path) == before


def test_a_folder_with_foreign_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("dear")
    with pytest.raises(DataError, match=r"not empty and holds thesis\.txt"):
        synthesize(FakeGenerator(), tmp_path, **SMALL)
    with pytest.raises(DataError, match="is a file"):
        synthesize(FakeGenerator(), tmp_path / "thesis.txt", **SMALL)
    assert sorted(content(tmp_path)) == ["thesis.txt"]


@pytest.mark.parametrize(("workers", "error"), [(1, RuntimeError), (2, RuntimeError), (1, KeyboardInterrupt)])
def test_a_failure_leaves_only_whole_shards(tmp_path: Path, workers: int, error: type[Exception]) -> None:
    with pytest.raises(error, match="broke"):
        synthesize(FakeGenerator(fail_at=9, error=error), tmp_path, workers=workers, **SMALL)
    assert set(content(tmp_path)) <= {"train-00000.parquet", "train-00001.parquet"}
    synthesize(FakeGenerator(), tmp_path, **SMALL)
    assert len(ParquetDataset(tmp_path)) == 10


def test_a_full_disk_is_said_and_leaves_only_whole_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError, match="no space left while writing"):
        synthesize(FakeGenerator(), tmp_path, **SMALL)
    assert content(tmp_path) == {}


def test_generators_that_cannot_travel_are_refused_with_the_way_out(tmp_path: Path) -> None:
    class Local(FakeGenerator):
        pass

    with pytest.raises(ConfigError, match="top of a module"):
        synthesize(Local(), tmp_path, workers=2, **SMALL)
    assert synthesize(Local(), tmp_path, workers=1, **SMALL).manifest.rows == 10


@pytest.mark.parametrize("change", [{"count": 0}, {"size": 2}, {"rows_per_shard": 0}, {"workers": 0}, {"split": "x"}])
def test_wrong_settings_are_refused_before_anything_is_written(tmp_path: Path, change: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(change))):
        synthesize(FakeGenerator(), tmp_path / "data", **{**SMALL, **change})  # type: ignore[arg-type]
    assert not (tmp_path / "data").exists()


SLOW_RUN = """
import sys
from pathlib import Path
from fake_generator import FakeGenerator
from openmolmo.engine.synth.driver import synthesize
if __name__ == "__main__":
    synthesize(FakeGenerator(seconds=0.05), Path(sys.argv[1]), workers=2, count=60, size=16, rows_per_shard=6)
"""


def start_slow_run(folder: Path, out: Path) -> subprocess.Popen[bytes]:
    script = folder / "slow_run.py"
    script.write_text(SLOW_RUN)
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    process = subprocess.Popen([sys.executable, script, out], env=env, stderr=subprocess.PIPE, start_new_session=True)
    for _ in range(4000):  # until the first shard is whole, however busy the machine is
        if list(out.glob("train-*.parquet")):
            return process
        assert process.poll() is None
        time.sleep(0.05)
    raise AssertionError("the run made no shard")


def processes_of_session(session: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(status.parent.name))
    return found


def test_kill_9_and_run_again_gives_the_same_bytes_and_no_orphans(tmp_path: Path) -> None:
    out = tmp_path / "killed"
    process = start_slow_run(tmp_path, out)
    process.send_signal(signal.SIGKILL)
    process.wait()
    if Path("/proc/self/stat").exists():
        for _ in range(1200):
            if not processes_of_session(process.pid):
                break
            time.sleep(0.05)
        assert processes_of_session(process.pid) == []
    settings = {"count": 60, "size": 16, "rows_per_shard": 6}
    result = synthesize(FakeGenerator(), out, **settings)
    assert result.kept >= 1
    assert content(out) == content(synthesize(FakeGenerator(), tmp_path / "whole", **settings).folder)


def test_ctrl_c_stops_all_workers_and_leaves_only_whole_shards(tmp_path: Path) -> None:
    out = tmp_path / "stopped"
    process = start_slow_run(tmp_path, out)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode != 0
    assert said.count(b"Traceback") == 1, said.decode()  # the parent's own, no worker complains
    assert all(name.endswith(".parquet") and not name.startswith(".") for name in content(out))


def test_two_runs_never_write_in_one_folder(tmp_path: Path) -> None:
    out = tmp_path / "shared"
    process = start_slow_run(tmp_path, out)
    try:
        with pytest.raises(RunError, match="another process is writing"):
            synthesize(FakeGenerator(), out, count=60, size=16, rows_per_shard=6)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_the_command_makes_data_and_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GENERATORS._local, "fake", FakeGenerator())
    arguments = ["fake", "--count", "5", "--out", str(tmp_path / "d"), "--size", "16", "--rows-per-shard", "4"]
    result = CliRunner().invoke(synth, arguments)
    assert result.exit_code == 0, result.output
    assert "examples" in result.stdout and "5" in result.stdout
    assert len(ParquetDataset(tmp_path / "d")) == 5
    help_text = CliRunner().invoke(synth, ["--help"]).output
    assert "fake" in help_text and "clocks" in help_text and "scenes" in help_text


def test_the_command_names_the_nearest_generator() -> None:
    result = CliRunner().invoke(synth, ["clokcs", "--out", "x"])
    assert result.exit_code == 2
    assert "clocks" in result.output
