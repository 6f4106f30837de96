"""The program inside a sandbox: imports once, then forks a walled-off child for each job.

It is run as a file by a bare Python, with nothing of this project in reach, and speaks in frames (8 bytes of length,
then JSON) on standard input and output. For each job:

    zygote -- fork --> keeper of the walls: own namespaces, own empty disk
                           -- fork --> first process (1) of them: reads what is printed, watches the clock, ends all
                                           -- fork --> the code, without any capability
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import importlib
import json
import os
import resource
import select
import signal
import stat
import struct
import sys
import time
import traceback
from typing import Any

__all__ = ["main"]

_NEW = 0x00020000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000 | 0x04000000  # mount, ipc, user, pid, net, uts
_READ_ONLY, _NO_SUID, _NO_DEV, _REMOUNT, _BIND, _RECURSIVE = 1, 2, 4, 32, 4096, 16384
_PDEATHSIG, _DUMPABLE, _BOUND_DROP, _SUBREAPER, _NO_NEW_PRIVILEGES = 1, 4, 24, 36, 38
_SHOWN = 4000
_WALLS = 3.0  # seconds that building and tearing down the walls may take

_libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Set up, tell so, and serve jobs until standard input ends."""
    setup = _read_frame(0)
    if setup["uid"] is not None:  # the launcher is root: become somebody whom the limit of processes binds
        os.setgroups([])
        os.setresgid(*[setup["uid"]] * 3)
        os.setresuid(*[setup["uid"]] * 3)
        _libc.prctl(_DUMPABLE, 1, 0, 0, 0)  # or its own files in /proc stay root's
    _libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    _libc.prctl(_SUBREAPER, 1, 0, 0, 0)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123
        file.write("1000")  # where memory ends, this goes first
    sys.path.extend(setup["paths"])
    for name in setup["preload"]:
        importlib.import_module(name)
    if setup["warm"]:
        _run(setup["warm"])
    walls = _can_build_walls()
    _write_frame(1, {"ready": True, "walls": walls, "uid": os.getuid()})
    while True:
        _write_frame(1, _serve(_read_frame(0), walls))


def _serve(job: dict[str, Any], walls: bool) -> dict[str, Any]:
    """One job; its answer is what its first process sends, as long as that is in time and of a size."""
    read, write = os.pipe()
    keeper = os.fork()
    if keeper == 0:
        os.close(read)
        _child(lambda: _keep(job, write, walls))
    os.close(write)
    limits = job["limits"]
    answer = _drain(read, time.monotonic() + limits["seconds"] + _WALLS, limits["taken"] * 2 + 1_000_000)
    os.close(read)
    _end(keeper)
    try:
        return dict(json.loads(answer))
    except ValueError:
        return {"end": "killed", "said": "", "files": {}, "left_out": []}


def _end(keeper: int) -> None:
    """See that the keeper and all that hangs on it have ended: by themselves, or killed."""
    patience = time.monotonic() + 0.5
    while time.monotonic() < patience:
        if os.waitpid(keeper, os.WNOHANG)[0]:
            break
        time.sleep(0.002)
    else:
        os.kill(keeper, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()  # its first process too, which is handed to this one


def _keep(job: dict[str, Any], write: int, walls: bool) -> None:
    _libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if walls:
        _build_walls(job["limits"]["disk"])
    first = os.fork()
    if first == 0:
        _libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        _child(lambda: _first(job, write, walls))
    os.close(write)
    os.waitpid(first, 0)


def _first(job: dict[str, Any], write: int, walls: bool) -> None:
    """Process 1 of the job: when it ends, so does everything in there."""
    _drop_capabilities()
    _libc.prctl(_DUMPABLE, 0, 0, 0, 0)  # not to be traced by the code
    limits = job["limits"]
    os.chdir("/out")
    read, said = os.pipe()
    code = os.fork()
    if code == 0:
        _child(lambda: _code(job, said))
    os.close(said)
    end, heard = _listen(read, code, time.monotonic() + limits["seconds"], limits["said"])
    if walls:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)  # everybody in here but this process
    with contextlib.suppress(ProcessLookupError):
        os.kill(code, signal.SIGKILL)
    status = _wait_all(code)
    if end == "done" and status != 0:
        end = "killed" if os.WIFSIGNALED(status) else "error"
        if end == "killed":
            heard += f"\nended by signal {signal.Signals(os.WTERMSIG(status)).name}".encode()
    files, left_out = _collect(limits)
    _write_frame(write, {"end": end, "said": heard.decode("utf-8", "replace"), "files": files, "left_out": left_out})


def _code(job: dict[str, Any], said: int) -> None:
    """The code itself, with nothing open but an empty input and the place to print."""
    os.setsid()
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    limits = job["limits"]
    for name, value in (
        ("CORE", 0),
        ("NOFILE", 64),
        ("MEMLOCK", 0),
        ("MSGQUEUE", 0),
        ("CPU", limits["cpu"]),
        ("FSIZE", limits["file"]),
        ("AS", limits["memory"]),
        ("NPROC", limits["processes"] + 1),  # the first process is one of them
    ):
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))
    status = 0
    try:
        for source in job["sources"]:
            _run(source)
    except SystemExit as error:
        status = 0 if error.code in (None, 0) else 1
        if status:
            sys.stderr.write(f"SystemExit: {error.code}\n")
    except BaseException:  # noqa: BLE001 - whatever a stranger's code raises is what this is here to tell
        status = 1
        _tell()
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


_NAMES: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}


def _run(source: str) -> None:
    """Sources of one job share their names, as cells do."""
    exec(compile(source, "program.py", "exec"), _NAMES)


def _tell() -> None:
    """The traceback without the lines of this file."""
    kind, error, trace = sys.exc_info()
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    with contextlib.suppress(Exception):
        traceback.print_exception(kind, error, trace, limit=-6, file=sys.stderr)


def _listen(read: int, code: int, deadline: float, most: int) -> tuple[str, bytes]:
    """How it ended as far as can be seen here, and the last of what was printed."""
    heard, total, over = b"", 0, False
    while True:
        rest = deadline - time.monotonic()
        if rest <= 0:
            return "time", heard
        if not over and select.select([read], [], [], min(rest, 0.05))[0]:
            part = os.read(read, 65536)
            total += len(part)
            over = not part  # all who could print are gone, or have closed it
            heard = (heard + part)[-_SHOWN:]
            if total > most:
                return "flood", heard
            if not over:
                continue
        if os.waitid(os.P_PID, code, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return "done", heard  # others that it left behind are ended by the caller
        if over:
            time.sleep(0.002)


def _wait_all(code: int) -> int:
    """Collect every process that ended; the status of the code itself."""
    status = 0
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, found = os.wait()
            if pid == code:
                status = found
    return status


def _collect(limits: dict[str, Any]) -> tuple[dict[str, str], list[str]]:
    """Plain files of the job's folder by name, as base64, within their limits; and what was left, with the reason."""
    files: dict[str, str] = {}
    left_out: list[str] = []
    room = limits["taken"]
    try:
        names = sorted(os.listdir("/out"))  # noqa: PTH208
    except OSError:
        names = []
    for name in names:
        shown = ascii(name)[:80]
        if len(files) == limits["files"] or len(left_out) == limits["files"]:
            left_out.append(f"{len(names) - len(files)} more: too many files")
            break
        try:
            handle = os.open(f"/out/{name}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except (OSError, ValueError):
            left_out.append(f"{shown}: a link, or not to be read")
            continue
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            left_out.append(f"{shown}: not a plain file")
        elif found.st_size > room:
            left_out.append(f"{shown}: {found.st_size} bytes are too many")
        elif name.isascii() and name.isprintable():
            data = b"".join(iter(lambda: os.read(handle, 1 << 20), b""))[:room]  # noqa: B023 - read at once
            room -= len(data)
            files[name] = base64.b64encode(data).decode()
        else:
            left_out.append(f"{shown}: an odd name")
        os.close(handle)
    return files, left_out


def _can_build_walls() -> bool:
    """Whether a child can have its own namespaces in here; tried once."""
    child = os.fork()
    if child == 0:
        _child(lambda: _build_walls(1_000_000))
    return os.waitpid(child, 0)[1] == 0


def _build_walls(disk: int) -> None:
    """New namespaces for this process and its children, and an empty disk at the places that can be written."""
    uid, gid = os.getuid(), os.getgid()
    _must(_libc.unshare(_NEW), "unshare")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123
            file.write(text)
    with contextlib.suppress(OSError), open("/proc/sys/user/max_user_namespaces", "w") as file:  # noqa: PTH123
        file.write("0")  # the code makes no further ones
    for place, size in (("/out", disk), ("/tmp", disk)):
        _mount(place, f"size={size},nr_inodes=2000,mode=700", _NO_SUID | _NO_DEV)
    if os.path.isdir("/cache"):  # noqa: PTH112
        again = _NO_SUID | _NO_DEV | _BIND
        _must(_libc.mount(b"/cache", b"/cache", None, _BIND | _RECURSIVE, None), "bind /cache")
        _must(_libc.mount(None, b"/cache", None, again | _REMOUNT | _READ_ONLY, None), "/cache read-only")
    for place in ("/dev/shm", "/proc"):
        if os.path.isdir(place):  # noqa: PTH112
            _mount(place, "size=4096,nr_inodes=2,mode=500", _NO_SUID | _NO_DEV | _READ_ONLY)


def _mount(place: str, options: str, flags: int) -> None:
    _must(_libc.mount(b"tmpfs", place.encode(), b"tmpfs", flags, options.encode()), f"mount {place}")


def _must(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), what)


def _drop_capabilities() -> None:
    for number in range(64):
        _libc.prctl(_BOUND_DROP, number, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this process
    _libc.capset(header, (ctypes.c_uint32 * 6)())


def _child(work: Any) -> None:
    """Do ``work`` and end this process, whatever happens in it."""
    status = 1
    try:
        work()
        status = 0
    except BaseException:  # noqa: BLE001 - a forked child never runs on into its parent's code
        with contextlib.suppress(BaseException):
            traceback.print_exc()
    finally:
        os._exit(status)


def _drain(read: int, deadline: float, most: int) -> bytes:
    """What one frame holds, or less of it where time or room ends."""
    data = b""
    while (rest := deadline - time.monotonic()) > 0 and len(data) < most:
        if not select.select([read], [], [], rest)[0]:
            break
        part = os.read(read, 1 << 20)
        if not part:
            break
        data += part
        if len(data) >= 8 and len(data) >= 8 + struct.unpack(">Q", data[:8])[0]:
            break
    return data[8:]


def _read_frame(handle: int) -> dict[str, Any]:
    (length,) = struct.unpack(">Q", _exactly(handle, 8))
    return dict(json.loads(_exactly(handle, length)))


def _exactly(handle: int, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = os.read(handle, min(count - len(data), 1 << 20))
        if not part:
            os._exit(0)  # the runner is gone, or wants no more
        data += part
    return data


def _write_frame(handle: int, value: dict[str, Any]) -> None:
    data = json.dumps(value).encode()
    data = struct.pack(">Q", len(data)) + data
    while data:
        data = data[os.write(handle, data) :]


if __name__ == "__main__":
    main()
