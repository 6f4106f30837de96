"""Commands as processes of their own, forked from one that has imported what they need: a start takes no second.

``python forked.py CALLS.json``: a list of argument lists, done in order in the folder where it runs. Prints one JSON
list ``[exit code, standard output, standard error, what the folder holds afterwards]`` a call.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import tempfile
import traceback
from importlib.metadata import distribution
from pathlib import Path
from typing import BinaryIO

READY = (
    "numpy",
    "PIL.Image",
    "pyarrow.parquet",
    "pandas",  # which pyarrow imports where it is, with the first table of rows
    "scipy.optimize",
    "sqlalchemy.orm",
    "matplotlib.pyplot",
    "jinja2",
    "cv2",
    "rich.console",
    "rich.table",
)
"""What takes long to import; whatever else a call needs it imports by itself."""


def prepare() -> None:
    """Import what takes long, and what stands behind the commands' names; those that need torch will say so."""
    for name in READY:
        importlib.import_module(name)
    for point in distribution("openmolmo").entry_points:
        if point.group.endswith("commands"):
            with contextlib.suppress(ModuleNotFoundError):
                point.load()


def _run(words: list[str], out: BinaryIO, err: BinaryIO) -> None:
    """In the child: the program with these words, and its end."""
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    sys.argv = ["openmolmo", *words]
    code = 0
    try:
        from openmolmo.__main__ import run

        run()
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:  # noqa: BLE001 - as the interpreter does at its end
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def call(words: list[str]) -> tuple[int, str, str, list[str]]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            _run(words, out, err)
        _, status = os.waitpid(child, 0)
        out.seek(0)
        err.seek(0)
        code = os.waitstatus_to_exitcode(status)
        return code, out.read().decode(), err.read().decode(), sorted(path.name for path in Path().iterdir())


if __name__ == "__main__":
    prepare()
    sys.stdout.write(json.dumps([call(words) for words in json.loads(Path(sys.argv[1]).read_text())]))
