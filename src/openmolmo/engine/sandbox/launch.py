"""The command that opens a sandbox, and the reasons why a machine cannot have one."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from openmolmo.core.errors import RunError

__all__ = ["INSIDE", "Engine", "Place", "SandboxRefused", "bwrap_command", "runsc_bundle", "sandbox_missing"]

Engine = Literal["auto", "bwrap", "runsc"]

INSIDE = Path(__file__).with_name("inside.py")

_RUN_AT = "/inside.py"
_PRIVATE = 900_000_000
"""Uids from here on belong to nobody: a root launcher's jobs run under one of them."""

_ENVIRONMENT = {
    "PATH": "/usr/bin",
    "HOME": "/tmp",
    "TMPDIR": "/tmp",
    "LANG": "C.UTF-8",
    "MPLBACKEND": "agg",
    "MPLCONFIGDIR": "/cache",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}


class SandboxRefused(RunError):
    """This machine cannot keep strangers' code in, so it is not run."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """What is seen inside: the folders of Python and its packages, and files at other names. All of it read-only."""

    python: str
    paths: tuple[str, ...]
    folders: tuple[str, ...]
    files: tuple[tuple[str, str], ...] = ()
    uid: int | None = None

    @classmethod
    def here(cls) -> Place:
        """The Python that runs this, with its packages and the list of fonts that Matplotlib made of this machine."""
        known = sysconfig.get_paths()
        packages = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
        paths = tuple(dict.fromkeys(path for path in packages if Path(path).is_dir()))
        folders = {sys.base_prefix, known["stdlib"], *paths, *_library_of_python(), "/usr"}
        return cls(
            python=str(Path(sys.executable).resolve()),
            paths=paths,
            folders=tuple(sorted(path for path in folders if path != "/usr" and not _inside_another(path, folders))),
            files=tuple((str(path), f"/cache/{path.name}") for path in _font_lists()),
            uid=_PRIVATE + random.SystemRandom().randrange(1_000_000) if os.geteuid() == 0 else None,
        )


def sandbox_missing(engine: Engine = "auto") -> str | None:
    """One sentence that says why no sandbox can be had here, with what helps; None where one can."""
    if sys.platform != "linux":
        return "code by a language model runs in a sandbox of Linux only: use a Linux machine, or templates"
    if engine == "runsc" or (engine == "auto" and shutil.which("runsc")):
        return None if shutil.which("runsc") else "runsc is not installed: gvisor.dev says how, or use bwrap"
    if shutil.which("bwrap") is None:
        return "code by a language model needs bubblewrap, which is not installed: apt install bubblewrap"
    fault = _try_namespaces()
    if fault is None:
        return None
    return (
        f"this system forbids the namespaces that keep code by a language model in ({fault}): "
        "allow user namespaces (sysctl kernel.unprivileged_userns_clone=1), use another machine, or templates"
    )


@lru_cache(maxsize=1)
def _try_namespaces() -> str | None:
    """Open an empty sandbox once; the last words of bubblewrap where that fails."""
    command = [*_walls(root=os.geteuid() == 0), *_system(), "--", "/usr/bin/true"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, env={}, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no reason given"])[-1]


def bwrap_command(place: Place) -> list[str]:
    """Bubblewrap with everything closed but what ``place`` names."""
    shown: list[str] = []
    above = {str(parent) for folder in place.folders for parent in Path(folder).parents} - {"/"}
    for folder in sorted(above):
        shown += ["--perms", "0755", "--dir", folder]  # by itself bubblewrap makes them for the launcher alone
    for folder in place.folders:
        shown += ["--ro-bind", folder, folder]
    for source, name in (*place.files, (str(INSIDE), _RUN_AT)):
        shown += ["--ro-bind", source, name]
    variables = [word for name, value in _ENVIRONMENT.items() for word in ("--setenv", name, value)]
    places: list[str] = []
    for name in ("/out", "/tmp", "/cache"):
        places += ["--perms", "0777", "--tmpfs", name]
    closed = ["--remount-ro", "/dev", "--remount-ro", "/"]
    ends = [*closed, "--chdir", "/out", "--", place.python, "-I", "-S", _RUN_AT]
    return [*_walls(root=place.uid is not None), *_system(), *places, *shown, *variables, *ends]


def _walls(*, root: bool) -> list[str]:
    # Root makes every namespace but that of users: inside it becomes a private uid, for which the limit of processes
    # holds (root is exempt from it, and stays so in a namespace of users that maps to it).
    own = ["ipc", "pid", "net", "uts", "cgroup-try"]
    apart = [f"--unshare-{name}" for name in own] if root else ["--unshare-all"]
    keep = ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"] if root else []
    return ["bwrap", *apart, "--die-with-parent", "--new-session", "--cap-drop", "ALL", *keep, "--clearenv"]


def _system() -> list[str]:
    """/usr, the links that lead into it, fonts, and bare devices."""
    words = ["--ro-bind", "/usr", "/usr", "--perms", "0755", "--dir", "/etc"]
    for name in ("/bin", "/lib", "/lib32", "/lib64"):
        path = Path(name)
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            words += ["--ro-bind", name, name]
    for name in ("/etc/fonts", "/etc/ld.so.cache"):
        words += ["--ro-bind-try", name, name]
    return [*words, "--proc", "/proc", "--dev", "/dev"]


def runsc_bundle(place: Place, folder: Path) -> list[str]:
    """Write an OCI bundle with the same place for gVisor, and return the command that runs it."""
    (folder / "rootfs").mkdir()
    mounts = [{"destination": "/proc", "type": "proc", "source": "proc"}]
    mounts += [{"destination": name, "type": "tmpfs", "source": "tmpfs"} for name in ("/tmp", "/out", "/dev/shm")]
    links = [name for name in ("/bin", "/lib", "/lib64", "/etc/fonts", "/etc/ld.so.cache") if Path(name).exists()]
    seen = [(name, name) for name in ("/usr", *links, *place.folders)]
    for source, name in [*seen, *place.files, (str(INSIDE), _RUN_AT)]:
        real = str(Path(source).resolve())
        options = ["rbind", "ro", "nosuid", "nodev"]
        mounts.append({"destination": name, "type": "bind", "source": real, "options": options})  # type: ignore[dict-item]
    uid = os.getuid() if place.uid is None else place.uid
    config = {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": uid, "gid": uid},
            "args": [place.python, "-I", "-S", _RUN_AT],
            "env": [f"{name}={value}" for name, value in _ENVIRONMENT.items()],
            "cwd": "/out",
            "noNewPrivileges": True,
            "capabilities": {},
        },
        "root": {"path": "rootfs", "readonly": True},
        "mounts": mounts,
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")]},
    }
    (folder / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    rootless = [] if os.geteuid() == 0 else ["--rootless"]
    return ["runsc", "--network=none", *rootless, "run", "--bundle", str(folder), f"openmolmo-{folder.name}"]


def _inside_another(path: str, folders: Iterable[str]) -> bool:
    return any(Path(path).is_relative_to(other) for other in folders if other != path)


def _font_lists() -> Sequence[Path]:
    """What Matplotlib found out about this machine's fonts, so that it need not look again."""
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        return []
    import matplotlib

    return sorted(Path(matplotlib.get_cachedir()).glob("fontlist-*.json"))


def _library_of_python() -> list[str]:
    """Where a shared library of Python lies, if outside its prefix."""
    folder = sysconfig.get_config_var("LIBDIR")
    return [folder] if folder and sysconfig.get_config_var("Py_ENABLE_SHARED") and Path(folder).is_dir() else []
