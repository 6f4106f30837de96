"""The wheel and the source archive work where nothing else is: each extra alone, from another folder.

An environment here holds the wheel, and links to exactly those distributions that it asks for (with one extra), taken
from the environment that runs the tests. So nothing is fetched twice, and what is not asked for is not there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import pytest
import torch_free
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

pytest.importorskip("build")

ROOT = Path(__file__).parents[2]
SOURCES = ("src", "pyproject.toml", "README.md", "LICENSE")
EXTRAS = sorted(set(metadata.distribution("openmolmo").metadata.get_all("Provides-Extra") or []) - {"dev"})
MODELS = ["torch"]
"""What a command with a model in it needs besides the plain installation."""

COMMANDS: dict[str, list[str]] = {
    "eval": ["eval", "metrics", *torch_free.WITH_EXTRAS["eval metrics"]],
    "download": ["download", "--help"],
    "llm": ["llm", "ask", "Hello", "--llm", "mock", "--schema", "schema.json"],
    "synth": ["synth", "clocks", "--count", "1", "--size", "64", "--out", "made"],
}
"""A command that uses the extra."""


def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
    # Nothing of the tests' own environment may leak in.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return subprocess.run(command, capture_output=True, text=True, env=environment, **options)  # type: ignore[no-any-return,call-overload]


def succeed(command: list[str], **options: object) -> str:
    done = run(command, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(wheel, source archive), built from a copy: a build leaves files beside what it builds."""
    copy, out = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("dist")
    for name in SOURCES:
        whole = ROOT / name
        leave = shutil.ignore_patterns("*.egg-info", "__pycache__")
        shutil.copytree(whole, copy / name, ignore=leave) if whole.is_dir() else shutil.copy(whole, copy / name)
    succeed([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(copy)])
    (wheel,), (archive,) = out.glob("*.whl"), out.glob("*.tar.gz")
    return wheel, archive


def needed(extras: list[str]) -> set[str]:
    """Names of the distributions that openmolmo asks for with these extras, and those that they ask for."""
    found: set[str] = set()
    left: list[tuple[str, frozenset[str]]] = [("openmolmo", frozenset(extras))]
    seen: set[tuple[str, frozenset[str]]] = set()
    while left:
        name, wanted = entry = left.pop()
        if entry in seen:
            continue
        seen.add(entry)
        for text in metadata.requires(name) or []:  # PackageNotFoundError where it is not installed
            requirement = Requirement(text)
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *wanted)):
                left.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
                found.add(left[-1][0])
    return found - {"openmolmo"}


def link(names: set[str], site: Path) -> None:
    """Links to all files of distributions: one to each folder, but to each file where several share a folder."""
    owners: dict[str, set[str]] = defaultdict(set)
    files = {name: metadata.distribution(name).files or [] for name in sorted(names)}
    for name, listed in files.items():
        for file in listed:
            owners[file.parts[0]].add(name)
    for listed in files.values():
        for file in listed:
            if ".." in file.parts or "__pycache__" in file.parts:
                continue
            alone = len(owners[file.parts[0]]) == 1
            part = Path(file.parts[0]) if alone else Path(file)
            place = site / part
            if not place.is_symlink():
                place.parent.mkdir(parents=True, exist_ok=True)
                root = Path(str(file.locate())).parents[len(file.parts) - 1]
                place.symlink_to(root / part)


@pytest.fixture
def install(built: tuple[Path, Path], tmp_path: Path) -> Iterator[Callable[[list[str]], Path]]:
    """Make an environment with extras; its program ``openmolmo``."""

    def make(extras: list[str]) -> Path:
        folder = tmp_path / "env"
        venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
        python = folder / "bin/python"
        (site,) = folder.glob("lib/python*/site-packages")
        try:
            link(needed(extras), site)
        except metadata.PackageNotFoundError as error:
            pytest.skip(f"{error.name} is not installed here")
        succeed(
            [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(built[0])]
        )
        return folder / "bin/openmolmo"

    yield make
    shutil.rmtree(tmp_path / "env", ignore_errors=True)


@pytest.mark.slow
def test_what_is_in_the_wheel_and_the_archive(built: tuple[Path, Path]) -> None:
    wheel, archive = built
    names = set(zipfile.ZipFile(wheel).namelist())
    tracked = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src/openmolmo").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert tracked - names == set()
    assert {name.split("/")[0] for name in names} == {"openmolmo", names_of_metadata(names)}
    with tarfile.open(archive) as packed:
        inside = {name.partition("/")[2] for name in packed.getnames()}
    assert {"LICENSE", "README.md", "pyproject.toml"} | {f"src/{name}" for name in tracked} <= inside


def names_of_metadata(names: set[str]) -> str:
    (folder,) = {name.split("/")[0] for name in names if ".dist-info/" in name}
    assert f"{folder}/licenses/LICENSE" in names
    return folder


@pytest.mark.slow
def test_the_bundled_model_answers_from_another_folder(install: Callable[[list[str]], Path], tmp_path: Path) -> None:
    program = install(MODELS)
    away = tmp_path / "away"
    away.mkdir()
    Image.new("RGB", (64, 48), "white").save(away / "white.png")
    said = succeed([str(program), "ask", "white.png", "Which colour?", "--max-new-tokens", "4", "--json"], cwd=away)
    assert json.loads(said)["model"] == "nano"
    assert [path.name for path in away.iterdir()] == ["white.png"]


@pytest.mark.slow
@pytest.mark.parametrize("extra", EXTRAS)
def test_each_extra_alone(install: Callable[[list[str]], Path], tmp_path: Path, extra: str) -> None:
    program = install([extra])
    told = json.loads(succeed([str(program), "doctor", "--json"], cwd=tmp_path))
    assert told["ok"], told
    states = {finding["name"]: finding["state"] for finding in told["findings"] if finding["group"] == "extras"}
    assert states[extra] == "ok" and set(states) == set(EXTRAS)
    assert "note" in states.values()  # the others are not there
    assert "Usage: openmolmo" in succeed([str(program), "--help"], cwd=tmp_path)
    (tmp_path / "schema.json").write_text('{"type": "string"}')
    if extra in COMMANDS:
        succeed([str(program), *COMMANDS[extra]], cwd=tmp_path)


@pytest.mark.slow
def test_the_plain_installation_has_no_torch(install: Callable[[list[str]], Path], tmp_path: Path) -> None:
    """Data sets need no more; a command with a model in it says what it needs."""
    program = str(install([]))
    torch_free.prepare(tmp_path)
    succeed([program, "data", "import", *torch_free.MARKS, "set"], cwd=tmp_path)
    for name, arguments in torch_free.PLAIN.items():
        assert succeed([program, *torch_free.words(name, arguments)], cwd=tmp_path)
    assert "Usage: openmolmo" in succeed([program, "--help"], cwd=tmp_path)
    for name, arguments in torch_free.MODELS.items():
        refused = run([program, *torch_free.words(name, arguments)], cwd=tmp_path)
        assert (refused.returncode, refused.stdout, refused.stderr) == (1, "", torch_free.SENTENCE)


@pytest.mark.slow
def test_data_is_made_and_downloaded_without_torch(install: Callable[[list[str]], Path], tmp_path: Path) -> None:
    program = str(install(["download", "eval", "studio", "synth"]))
    torch_free.prepare(tmp_path)
    succeed([program, "download", "urls.csv", "--out", "fetched", "--mirror", "mine"], cwd=tmp_path)
    for name, arguments in torch_free.WITH_EXTRAS.items():
        assert succeed([program, *torch_free.words(name, arguments)], cwd=tmp_path)
    assert run([program, "ask", "pictures/a.png", "What?"], cwd=tmp_path).stderr == torch_free.SENTENCE


@pytest.mark.network
@pytest.mark.parametrize("extra", EXTRAS)
def test_each_extra_can_be_resolved(built: tuple[Path, Path], extra: str) -> None:
    """By pip and an index, beside what is installed here."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", f"{built[0]}[{extra}]"]
    succeed(command)
