"""Where torch is not installed: data sets, generators, downloads, metrics and the arena work; the rest says why not.

Processes here find no torch because ``tests/without_torch/sitecustomize.py`` hides it. The slow tests of the wheel do
the same where it really is not there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import torch_free

import openmolmo
from openmolmo.core.optional import torch_as_extra

HIDING = Path(__file__).parents[1] / "without_torch"
JUDGES = ("arena", "captions", "comparing", "leaderboard", "metrics", "published")
ROOMS = ("core", "pictures", "records", "words", "engine", *(f"evaluation.{room}" for room in JUDGES), "cli")
"""The rooms of the contract in pyproject.toml."""


class Done(NamedTuple):
    """How a process ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str
    left: list[str]


def python(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python without torch."""
    environment = {**os.environ, "PYTHONPATH": str(HIDING)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=200
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("small machine")
    torch_free.prepare(place)
    return place


@pytest.fixture(scope="module")
def done_without(folder: Path) -> dict[str, Done]:
    """Every command as a process of its own, one after the other."""
    calls = {
        "a set": ["data", "import", *torch_free.MARKS, "set"],
        "fetched": ["download", "urls.csv", "--out", "fetched", "--mirror", "mine"],
    }
    alone = dict(sorted({**torch_free.PLAIN, **torch_free.WITH_EXTRAS}.items()))
    for commands in (alone, torch_free.TOGETHER, dict(sorted(torch_free.MODELS.items()))):
        calls |= {name: torch_free.words(name, arguments) for name, arguments in commands.items()}
    calls["a dry run"] = ["train", "nano_sft", "--dry-run"]
    plan = folder.parent / f"{folder.name} calls.json"
    plan.write_text(json.dumps(list(calls.values())))
    done = python(str(Path(__file__).with_name("forked.py")), str(plan), folder=folder)
    assert done.returncode == 0, done.stderr
    return dict(zip(calls, (Done(*each) for each in json.loads(done.stdout)), strict=True))


def test_torch_is_hidden_here(tmp_path: Path) -> None:
    done = python("-c", "import torch", folder=tmp_path)
    assert "ModuleNotFoundError: No module named 'torch'" in done.stderr


def test_every_command_stands_in_one_list() -> None:
    """A new one has to be placed: does it do without torch?"""
    lists = (torch_free.PLAIN, torch_free.WITH_EXTRAS, torch_free.TOGETHER, torch_free.SERVERS, torch_free.MODELS)
    placed = [name for each in lists for name in each]
    assert sorted(placed) == sorted(torch_free.every_command())


def test_the_help_of_every_command_needs_no_torch(tmp_path: Path) -> None:
    calls = [[*name.split(), "--help"] for name in torch_free.every_command()]
    code = (
        "import json, sys\n"
        "from click.testing import CliRunner\n"
        "from openmolmo.cli import cli\n"
        "for words in [['--help'], *json.loads(sys.argv[1])]:\n"
        "    result = CliRunner().invoke(cli, words)\n"
        "    assert result.exit_code == 0 and 'Usage:' in result.output, (words, result.exception)\n"
        "    print(*words)\n"
    )
    done = python("-c", code, json.dumps(calls), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(calls) + 1


@pytest.mark.parametrize("name", sorted({*torch_free.PLAIN, *torch_free.WITH_EXTRAS}))
def test_it_runs_without_torch(name: str, folder: Path, done_without: dict[str, Done]) -> None:
    arguments = {**torch_free.PLAIN, **torch_free.WITH_EXTRAS}[name]
    done = done_without[name]
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr and done.stdout.strip()
    if "--out" in arguments:
        assert (folder / arguments[arguments.index("--out") + 1]).exists()


@pytest.mark.parametrize("name", torch_free.TOGETHER)
def test_these_run_one_after_another_without_torch(name: str, done_without: dict[str, Done]) -> None:
    done = done_without[name]
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr and done.stdout.strip()


@pytest.mark.parametrize("name", sorted(torch_free.SERVERS))
def test_it_serves_without_torch_until_it_is_stopped(name: str, folder: Path) -> None:
    words = torch_free.words(name, torch_free.SERVERS[name])
    environment = {**os.environ, "PYTHONPATH": str(HIDING), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "openmolmo", *words]
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        process.terminate()
    assert said.startswith("The studio is at http://127.0.0.1:")


@pytest.mark.parametrize("name", [*sorted(torch_free.MODELS), "a dry run"])
def test_it_says_that_it_needs_torch_and_leaves_nothing(name: str, done_without: dict[str, Done]) -> None:
    done = done_without[name]
    assert (done.returncode, done.stdout, done.stderr) == (1, "", torch_free.SENTENCE)
    before = list(done_without.values())[list(done_without).index(name) - 1]
    assert done.left == before.left


def test_names_of_the_package_say_it_too(tmp_path: Path) -> None:
    code = (
        "import openmolmo\n"
        "from openmolmo.core.errors import MissingDependencyError\n"
        "print(openmolmo.__version__, openmolmo.Example.__name__)\n"
        "for name in openmolmo.__all__:\n"
        "    try:\n"
        "        getattr(openmolmo, name)\n"
        "    except MissingDependencyError as error:\n"
        "        print(name, error.fix)\n"
    )
    done = python("-c", code, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    first, *others = done.stdout.splitlines()
    assert first == f"{openmolmo.__version__} Example"
    models = [name for name in openmolmo.__all__ if name not in ("Example", "__version__")]
    assert others == [f'{name} pip install "openmolmo[torch]"' for name in models]


def test_every_module_of_these_rooms_can_be_imported(tmp_path: Path) -> None:
    code = (
        "import importlib, pkgutil, sys\n"
        "def stop(name):\n"
        "    raise SystemExit(f'{name} cannot be imported')\n"
        "for room in sys.argv[1:]:\n"
        "    module = importlib.import_module(f'openmolmo.{room}')\n"
        "    print(module.__name__)\n"
        "    for found in pkgutil.walk_packages(getattr(module, '__path__', ()), f'{module.__name__}.', stop):\n"
        "        if found.name.endswith('migrations.env'): continue  # Alembic's script: it runs when it is imported\n"
        "        print(importlib.import_module(found.name).__name__)\n"
    )
    done = python("-c", code, *ROOMS, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    source = Path(openmolmo.__file__).parent
    files = {
        path.relative_to(source.parent).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
        for room in ROOMS
        for path in [*(source / room.replace(".", "/")).rglob("*.py"), source / f"{room.replace('.', '/')}.py"]
        if path.is_file()
    }
    files = {name for name in files if not name.endswith("migrations.env")}
    assert set(done.stdout.split()) == files


def test_a_broken_torch_is_not_called_missing() -> None:
    with pytest.raises(ModuleNotFoundError, match="_C"), torch_as_extra():
        raise ModuleNotFoundError("No module named 'torch._C'", name="torch._C")
