"""Is a checkpoint what was written? ``files.json`` in it says so, by the size and hash of every file.

Every byte is hashed: a flipped one in an optimiser's state would go unnoticed for the rest of a run. That costs
about a second for a gigabyte, when it is written and when a run goes on from it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from openmolmo.core.files import sha256_file, write_json

__all__ = ["SEAL", "Hashes", "fault_of", "has_all_sizes", "hash_files", "write_checksums", "sync"]

SEAL = "files.json"
"""Name of the list; it is the last file written."""

Hashes = Callable[[Path, list[str]], dict[str, str]]
"""Gives the hashes of files in a folder, by name."""


def hash_files(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """SHA-256 of files in ``folder``, by name."""
    return {name: sha256_file(folder / name) for name in names}


def write_checksums(folder: Path, hashes: Hashes = hash_files) -> None:
    """List all files of ``folder``, and make sure that everything has reached the disk.

    ``hashes`` gives the hashes of files by name; several processes can share that work.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files:
        sync(path)
    names = [str(path.relative_to(folder)) for path in files]
    found = hashes(folder, names)
    write_json(
        folder / SEAL,
        {name: {"bytes": path.stat().st_size, "sha256": found[name]} for name, path in zip(names, files, strict=True)},
    )
    for path in (*(path for path in folder.rglob("*") if path.is_dir()), folder):
        sync(path)


def has_all_sizes(folder: Path) -> bool:
    """Whether every file is there with its size: a quick look, which no content is read for."""
    listed = _listed(folder)
    return isinstance(listed, dict) and all(_wrong_size(folder, name, entry) is None for name, entry in listed.items())


def fault_of(folder: Path, hashes: Hashes = hash_files) -> str | None:
    """What is wrong with a checkpoint, in words; None if it is as it was written."""
    listed = _listed(folder)
    if isinstance(listed, str):
        return listed
    for name, entry in listed.items():
        if (wrong := _wrong_size(folder, name, entry)) is not None:
            return wrong
    expected = {name: entry["sha256"] for name, entry in listed.items() if isinstance(entry, dict)}
    found = hashes(folder, list(expected))
    changed = [name for name, value in expected.items() if found[name] != value]
    return f"the content of {', '.join(changed)} is not what was written" if changed else None


def sync(path: Path) -> None:
    """Wait until a file or folder has reached the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _listed(folder: Path) -> dict[str, Any] | str:
    """Entries by name: size and hash, or the size alone (older checkpoints). Else what is wrong."""
    try:
        listed = json.loads((folder / SEAL).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return f"it has no {SEAL}, so it was not written to its end"
    except (OSError, ValueError) as error:
        return f"{SEAL} cannot be read: {error}"
    if isinstance(listed, dict) and all(_is_entry(entry) for entry in listed.values()):
        return listed
    return f"{SEAL} does not list files"


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, int) or (isinstance(entry, dict) and entry.keys() >= {"bytes", "sha256"})


def _wrong_size(folder: Path, name: str, entry: Any) -> str | None:
    expected = entry if isinstance(entry, int) else entry["bytes"]
    try:
        size = (folder / name).stat().st_size
    except OSError:
        return f"{name} is missing"
    return None if size == expected else f"{name} has {size:,} bytes of {expected:,}"
