"""Whatever a user gets wrong, each command says what and what to do, ends with an error, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import pytest
import torch
from PIL import Image

from openmolmo.cli import cli, main
from openmolmo.records import ParquetDataset, write_dataset
from openmolmo.records.manifest import MANIFEST, Manifest
from openmolmo.records.shards import shard_info

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line as the terminal does; (exit code, standard output, standard error)."""

    def call(argv: Sequence[str]) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["openmolmo", *argv])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, shown.out, shown.err

    return call


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with things that are not what a command needs."""
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign/thesis.txt").write_text("three years of work")
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "bare").mkdir()
    write_dataset(tmp_path / "empty", [])
    (tmp_path / "empty.jsonl").write_text("\n")
    (tmp_path / "page.jpg").write_text("<html>404</html>")
    Image.new("RGB", (24, 16), "red").save(tmp_path / "red.png")
    (tmp_path / "hollow").mkdir()
    (tmp_path / "hollow/config.json").write_text("{}")
    (tmp_path / "hollow/model.safetensors").write_bytes(b"nothing")
    (tmp_path / "recipes.py").write_text("def number():\n    return 3\n")
    (tmp_path / "broken.py").write_text("import not_there_at_all\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every path under a folder with its bytes (None for folders), but for what Python compiles beside a recipe."""
    paths = [p for p in sorted(folder.rglob("*")) if "__pycache__" not in p.parts]
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in paths}


JSONL_MIXTURE = (
    "mixture.groups.0.sources.0.source=jsonl",
    "mixture.groups.0.sources.0.options=" + json.dumps({"path": "empty.jsonl"}),
)

MISTAKES = [
    # data
    ("data check nowhere", "nowhere does not exist"),
    ("data check bare", "bare holds no data set"),
    ("data check empty --limit many", "'many' is not a valid integer"),
    ("data show nowhere --out page.html", "nowhere does not exist"),
    ("data show empty --out page.html", "has no examples"),
    ("data show empty --out foreign", "is a directory"),
    ("data audit nowhere", "nowhere does not exist"),
    ("data audit empty", "has no examples"),
    ("data audit empty.jsonl", "has no examples"),
    ("data pack-report nano_sf", "did you mean nano_sft"),
    ("data chekc empty", "No such command 'chekc'"),
    # synth
    ("synth cloks --out new", "did you mean clocks"),
    ("synth clocks", "Missing option '--out'"),
    ("synth clocks --out new --count 0", "0 is not in the range"),
    ("synth clocks --out new --count some", "'some' is not a valid integer"),
    ("synth clocks --out new --size 4", "4 is not in the range"),
    ("synth clocks --out new --size 32 --count 2", "size=32 is outside"),
    ("synth clocks --out new --split exam", "'exam' is not one of"),
    ("synth clocks --out file --count 2", "file is a file"),
    ("synth clocks --out foreign --count 2", "holds thesis.txt"),
    # train
    ("train nano_captoin", "did you mean nano_caption"),
    ("train nano_caption stepps=3", "did you mean steps"),
    ("train nano_caption steps=many", "steps='many' is str, must be int"),
    ("train nano_caption steps=0", "steps=0 must be at least 1"),
    ("train nano_caption steps", "not of the form key=value"),
    ("train nano_encoder model=giant", "no preset called 'giant'"),
    ("train nano_caption init_from=none tokenizer=nowhere", "nowhere"),
    ("train nano_caption init_from=file", "file"),
    ("train nano_caption init_from=none mixture.groups.0.sources.0.source=parket", "did you mean parquet"),
    ("train nano_caption init_from=none mixture.groups.0.sources.0.options.generator=cloks", "did you mean clocks"),
    (("train", "nano_caption", "init_from=none", *JSONL_MIXTURE), "is empty"),
    ("train nano_caption --out file", "file is a file"),
    ("train nano_caption --out foreign", "foreign is not empty"),
    ("train nano_sft", "no checkpoint folder runs/nano_caption/final"),
    ("train nano_sft --dry-run --gpu h1000", "known: h100, h200"),
    ("train molmo_sft_7b_d --dry-run --gpu h100 --gpus 3", "divides it"),
    ("train nowhere.py:f", "no recipe file nowhere.py"),
    ("train recipes.py:numbr", "it has: number"),
    ("train recipes.py:number", "returned int, must return RunConfig"),
    ("train broken.py:f", "No module named 'not_there_at_all'"),
    # eval
    ("eval giant --out new", "no model 'giant'"),
    ("eval file --out new", "file is a file"),
    ("eval hollow --out new --count 2 --synth cloks", "did you mean clocks"),
    ("eval hollow --out new --tasks pointin", "did you mean pointing"),
    ("eval hollow --out new --data nowhere", "nowhere"),
    ("eval hollow --out new --data empty", "has no example"),
    ("eval model hollow --out new --count 0", "0 is not in the range"),
    ("eval hollow --out file", "file is a file"),
    ("eval hollow --out new --synth clocks --count 2 --size 64", "hollow"),
    ("eval suite nothing --out new", "no benchmark called 'nothing'"),
    ("eval suite vqa2:train --out new", "vqa2 has no split 'train'"),
    ("eval suite vqa2 --data nowhere --out new", "nowhere"),
    ("eval suite vqa2 --data empty --out new", "vqa2 does not exist"),
    ("eval suite vqa2 --set crops=3 --out new", "crops"),
    ("eval suite vqa2 --base-url http://x --out new", "--base-url is for servers"),
    ("eval suite vqa2 --out file", "file"),
    # ask, caption, point, count
    ("ask nowhere.png what", "no picture nowhere.png"),
    ("ask page.jpg what", "page.jpg"),
    ("ask red.png what --model giant", "no model 'giant'"),
    ("ask red.png what --model bare", "bare holds no model"),
    ("ask red.png what --model hollow", "hollow"),
    ("ask red.png what --model hollow --temperature hot", "'hot' is not a valid float"),
    ("ask red.png", "TEXT is missing"),
    (("point", "red.png", " "), "the text is empty"),
    ("point red.png star --out new.txt", "must end in .png"),
    ("point red.png red.png star --out new.png", "must be a folder"),
    ("caption bare", "no picture bare"),
    ("caption red.png --length long", "'long' is not a valid integer"),
    ("count page.jpg stars --out new.png", "page.jpg"),
    ("count red.png stars --model hollow --device tpu9", "hollow"),
    # llm
    ("llm ask Hello", "Missing option '--llm'"),
    ("llm ask Hello --llm opanai:m", "did you mean openai"),
    ("llm ask Hello --llm openai", "needs the name of a model"),
    ("llm ask Hello --llm template", "no answer to a free question"),
    ("llm ask Hello --llm mock --llm-set heat=1", "no setting 'heat'"),
    ("llm check --llm openai:m@http://127.0.0.1:9/v1", "no language model answers at http://127.0.0.1:9/v1"),
    ("llm ask Hello --llm mock --llm-cache foreign", "is a directory"),
    ("llm usage file", "file cannot be used as a file of answers"),
    # compose, export
    ("compose --vision nowhere --llm nowhere --out new", "nowhere cannot be read as a model"),
    ("compose --vision nowhere --out new", "Missing option '--llm'"),
    ("compose --vision nowhere --llm nowhere --out foreign", "foreign is not empty"),
    ("compose --vision nowhere --llm nowhere --out new --feature-layers top", "'top' are not whole numbers"),
    ("compose --vision nowhere --llm nowhere --out new --max-crops 0", "0 is not in the range"),
    ("export giant --out new", "no model 'giant'"),
    ("export nano --out new", "cannot express"),
    ("export nano --out foreign", "foreign is not empty"),
    ("export nano --out new --layout onnx", "'onnx' is not one of 'released', 'mlx'"),
    # parity
    ("parity nano", "Missing argument 'B'"),
    ("parity giant nano --count 1", "no model 'giant'"),
    ("parity nano openai:m", "names no server"),
    ("parity nano nano?speed=9", "'speed', which library does not take"),
    ("parity nano nano --requests file --pictures empty", "were both given"),
    ("parity nano nano --pictures empty", "there is no picture empty"),
    ("parity nano nano --out new.txt", "neither a page nor JSON"),
    ("parity nano nano --min-matched 95", "min_matched=95 is no share"),
    # demo and the program itself
    ("demo --out foreign --model hollow", "foreign is not empty"),
    ("demo --out file --model hollow", "file is a file"),
    ("demo --out new --model giant", "no model 'giant'"),
    ("demo --out new --minutes soon", "'soon' is not a valid float"),
    ("trian nano_caption", "No such command 'trian'"),
    ("--verion", "No such option"),
]


def says_what_to_do(words: Sequence[str], err: str) -> bool:
    """A next step, a rule, or the help of the very command (not of any)."""
    if "  -> " in err or "must be" in err or "must return" in err:
        return True
    hint = re.search(r"^Try '.*openmolmo ?(.*?) ?--help' for help\.$", err, re.MULTILINE)
    command: click.Command | None = cli
    named = []
    while isinstance(command, click.Group) and len(named) < len(words):
        command = command.get_command(click.Context(command), words[len(named)])
        if command is not None:
            named.append(words[len(named)])
    return hint is not None and hint[1].split() == named


def test_the_help_of_another_command_is_no_next_step() -> None:
    said = "Try 'openmolmo {}--help' for help.\n\nError: Missing option '--out'.\n"
    assert says_what_to_do(["synth", "clocks"], said.format("synth clocks "))
    assert says_what_to_do(["trian", "nano_caption"], said.format(""))
    assert not says_what_to_do(["synth", "clocks"], said.format("synth "))
    assert not says_what_to_do(["synth", "clocks"], "Error: Missing option '--out', see openmolmo --help")


@pytest.mark.parametrize(("line", "words"), MISTAKES, ids=[str(line) for line, _ in MISTAKES])
def test_mistakes_are_explained_and_leave_nothing(run: Run, here: Path, line: str | Sequence[str], words: str) -> None:
    before = contents(here)
    code, out, err = run(line.split() if isinstance(line, str) else line)
    assert code in (1, 2)
    assert words in " ".join(err.split()), err
    assert "Traceback" not in err
    assert says_what_to_do(line.split() if isinstance(line, str) else line, err), f"what to do? {err}"
    assert out == ""
    assert contents(here) == before


def test_check_lists_faults_on_standard_output(run: Run, here: Path) -> None:
    for path, words in (("empty", "has no rows"), ("empty.jsonl", "has no rows"), ("file", "is not JSON")):
        code, out, _ = run(["data", "check", path])
        assert code == 1
        assert words in " ".join(out.split())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is an accelerator")
def test_an_accelerator_that_is_not_there(run: Run, here: Path) -> None:
    before = contents(here)
    code, _, err = run(["train", "nano_caption", "device=cuda"])
    assert code == 1
    assert "no CUDA device" in err
    assert contents(here) == before


TRAIN = "train nano_caption init_from=none loader.workers=0 --out /proc/foo/x"


def test_a_place_that_cannot_be_written(run: Run, here: Path) -> None:
    assert run(["synth", "clocks", "--out", "made", "--count", "2", "--size", "64"])[0] == 0
    before = contents(here)
    for line in ("data show made --out /proc/page.html", "synth clocks --count 2 --out /proc/clocks", TRAIN):
        code, out, err = run(line.split())
        assert (code, out) == (1, "")
        assert "\nerror: " in f"\n{err}" and "/proc" in err and "  -> " in err
    assert contents(here) == before


def test_ctrl_c_keeps_whole_shards_only(tmp_path: Path) -> None:
    out = tmp_path / "clocks"
    code = "from openmolmo.cli import cli, main; main()"
    words = ["synth", "clocks", "--out", str(out), "--count", "40000", "--size", "64", "--rows-per-shard", "4"]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 180
        while len(list(out.glob("*.parquet"))) < 2 and time.monotonic() < deadline:
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process of the command
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "interrupted" in err and "Traceback" not in err
    names = sorted(path.name for path in out.iterdir())
    assert len(names) >= 2
    assert names == [f"train-{number:05d}.parquet" for number in range(len(names))]  # no manifest, nothing half-written
    shards = tuple(shard_info(out / name) for name in names)
    assert {shard.rows for shard in shards} == {4}
    Manifest(shards=shards).save(out)
    assert len(ParquetDataset(out)) == 4 * len(names)
    assert (out / MANIFEST).is_file()
