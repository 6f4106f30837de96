"""Arrows between rooms point one way, and the command line starts without torch."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_rooms_import_lower_layers_only() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_room_stands_in_the_layers_once() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    floors = {contract["containers"][0]: contract for contract in settings["contracts"] if contract["type"] == "layers"}
    for house in ("openmolmo", "openmolmo.engine"):
        assert floors[house]["exhaustive"]
        placed = {name.strip(" ()") for layer in floors[house]["layers"] for name in layer.split("|")}
        folder = ROOT / "src" / house.replace(".", "/")
        rooms = {p.name for p in folder.iterdir() if (p / "__init__.py").exists()} | {"cli"} & placed
        # A room in brackets may be missing: it is placed before it is built.
        built = placed - {n.strip(" ()") for layer in floors[house]["layers"] for n in layer.split("|") if "(" in n}
        assert built <= rooms <= placed


def test_help_imports_no_torch_and_no_room() -> None:
    code = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from openmolmo.cli import cli\n"
        "result = CliRunner().invoke(cli, ['--help'])\n"
        "assert result.exit_code == 0, result.output\n"
        "heavy = {'torch', 'transformers', 'numpy', 'PIL', 'cv2', 'rich', 'pyarrow'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "print(result.output)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    listed = {line.split()[0] for line in done.stdout.partition("Commands:")[2].splitlines() if line.startswith("  ")}
    assert {"ask", "caption", "count", "data", "eval", "point", "synth", "train"} <= listed


def test_verbs_that_make_data_import_no_torch() -> None:
    code = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from openmolmo.cli import cli\n"
        "for verb in ('synth', 'data'):\n"
        "    result = CliRunner().invoke(cli, [verb, '--help'])\n"
        "    assert result.exit_code == 0, result.output\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_training_is_planned_without_what_draws_pictures() -> None:
    """A plain installation has no OpenCV; only what really draws may ask for it, and says how to get it."""
    code = (
        "import sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'cv2':\n"
        "            raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Missing())\n"
        "from openmolmo.cli import main\n"
        "for line in sys.stdin.read().splitlines():\n"
        "    sys.argv = ['openmolmo', *line.split()]\n"
        "    try:\n"
        "        main()\n"
        "    except SystemExit as end:\n"
        "        print('ended with', end.code or 0)\n"
    )
    lines = (
        "train nano_encoder --dry-run",
        "synth scenes --count 1 --out never",
    )
    done = subprocess.run([sys.executable, "-c", code], input="\n".join(lines), capture_output=True, text=True)
    ends = [line for line in done.stdout.splitlines() if line.startswith("ended with")]
    assert ends == ["ended with 0", "ended with 1"], done.stderr
    assert "clocks" in done.stdout
    assert 'pip install "openmolmo[synth]"' in done.stderr


def test_completion_in_the_shell_names_verbs_and_loads_none() -> None:
    code = (
        "import atexit, sys\n"
        "heavy = {'torch', 'transformers', 'numpy', 'cv2', 'rich', 'pyarrow'}\n"
        "atexit.register(lambda: print('loaded:', sorted(heavy & set(sys.modules))))\n"
        "sys.argv = ['openmolmo']\n"
        "from openmolmo.cli import main\n"
        "main()\n"
    )
    environment = {**os.environ, "_OPENMOLMO_COMPLETE": "bash_complete", "COMP_WORDS": "openmolmo d", "COMP_CWORD": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout.splitlines() == ["plain,data", "plain,demo", "plain,doctor", "plain,download", "loaded: []"]
