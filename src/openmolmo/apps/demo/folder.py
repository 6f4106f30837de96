"""The demo's folder: started anew when it is an earlier demo's, refused when it is anything else.

A marker file says that a folder was made here. Even then only files are deleted that have a place
and a name which the demo gives them; anything unknown among them stops the demo before it deletes
anything, and files beside them are left alone.
"""

from __future__ import annotations

import datetime
import json
import shutil
from fnmatch import fnmatchcase
from pathlib import Path

from openmolmo import __version__
from openmolmo.core.errors import RunError
from openmolmo.core.files import write_json
from openmolmo.core.progress import console

__all__ = ["MARKER", "open_folder"]

MARKER = ".openmolmo-demo.json"
_PARTS = ("data", "training", "evaluation", "pictures", "report.html")
_OURS = (
    "data/t*-*/*.parquet",
    "data/t*-*/manifest.json",
    "data/t*-*/.*.tmp",
    "training/*/config.json",
    "training/*/*.jsonl",
    "training/*/curves.png",
    "training/*/.*.tmp*",
    "training/*/final/*",
    "training/*/step-*",
    "evaluation/*/results.json",
    "evaluation/*/report.html",
    "evaluation/*/.*.tmp",
    "pictures/[1-6]-*",
    "report.html",
)


def open_folder(out: Path, seed: int) -> None:
    """Make ``out`` ready for a new demo and mark it.

    Raises RunError when it is a file, or holds something that no demo has made.
    """
    if out.exists() and not out.is_dir():
        raise RunError(f"{out} is a file, and the demo needs a folder", fix="choose another --out")
    if out.is_dir() and any(out.iterdir()):
        if not (out / MARKER).is_file():
            raise RunError(
                f"{out} is not empty, and it was not made by openmolmo demo",
                fix="choose another --out; nothing was changed",
            )
        _clear(out)
    out.mkdir(parents=True, exist_ok=True)
    now = datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
    write_json(out / MARKER, {"made_by": f"openmolmo demo {__version__}", "started": now, "seed": seed})


def _clear(out: Path) -> None:
    """Delete what an earlier demo left, if there is nothing else among it."""
    parts = [out / name for name in _PARTS if (out / name).exists() or (out / name).is_symlink()]
    strangers = [path for part in parts for path in (part, *part.rglob("*")) if not _is_ours(path, out)]
    if strangers:
        raise RunError(
            f"{strangers[0]} is not a file of the demo's, and the demo would replace the folder it is in",
            fix=f"move it to another place, or choose another --out than {out}; nothing was changed",
        )
    if parts:
        console.print(f"{out} holds the demo{_when(out)}: it is replaced", highlight=False)
    for part in parts:
        shutil.rmtree(part) if part.is_dir() else part.unlink()


def _is_ours(path: Path, out: Path) -> bool:
    if path.is_symlink():
        return False
    place = path.relative_to(out).as_posix()
    return path.is_dir() or any(fnmatchcase(place, pattern) for pattern in _OURS)


def _when(out: Path) -> str:
    try:
        return f" of {json.loads((out / MARKER).read_text(encoding='utf-8'))['started']}"
    except (OSError, ValueError, KeyError, TypeError):
        return " of an earlier run"
