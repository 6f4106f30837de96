"""Code that wants out, or wants everything: it gets nothing, leaves nothing running, and the next job works."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from openmolmo.core.errors import ConfigError, DataError
from openmolmo.engine.sandbox import Limits, Outcome, Sandbox, SandboxRefused, launch, sandbox_missing
from openmolmo.engine.sandbox.launch import Place, runsc_bundle
from openmolmo.engine.sandbox.picture import the_picture

pytestmark = pytest.mark.skipif(sandbox_missing("bwrap") is not None, reason=str(sandbox_missing("bwrap")))

SMALL = Limits(seconds=3.0, cpu=2, memory=120_000_000, disk=8_000_000, file=4_000_000, taken=2_000_000, said=300_000)
KEY = "sk-a-key-that-nobody-may-see"

HELP = """
import ctypes, os, signal, socket, subprocess, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def attempt(what):
    try:
        got = what()
    except (OSError, MemoryError, ValueError) as error:
        return print("held", error)
    print("ESCAPED" if got else "held", repr(got)[:200])
"""

ATTEMPTS = {
    "network of the host": "attempt(lambda: socket.create_connection(('127.0.0.1', {port}), 1))",
    "network outside": "attempt(lambda: socket.create_connection(('192.0.2.1', 80), 1)); "
    "attempt(lambda: socket.getaddrinfo('example.com', 80))",
    "abstract socket of the host": "s = socket.socket(socket.AF_UNIX); "
    "attempt(lambda: s.connect('\\0{abstract}') is None)",
    "host files": "attempt(lambda: open({secret!r}).read()); attempt(lambda: open('/etc/shadow').read()); "
    "attempt(lambda: open('/etc/passwd').read()); attempt(lambda: os.listdir('/root/.ssh')); "
    "attempt(lambda: os.listdir('/home'))",
    "system files": "for p in ('/usr/x', '/x', '/dev/x', '/inside.py', '/cache/x', '/proc/x', '/dev/shm/x', "
    "{packages!r} + '/x.pth', '/out/../x'): attempt(lambda: open(p, 'w'))",
    "environment": "attempt(lambda: {key!r} in str(os.environ)); "
    "attempt(lambda: [p for p in os.listdir('/proc') if {key!r} in open('/proc/' + p + '/environ').read()])",
    "proc": "attempt(lambda: os.listdir('/proc')); attempt(lambda: os.listdir('/proc/1/root')); "
    "attempt(lambda: os.listdir('/proc/self/fd'))",
    "new namespaces": "attempt(lambda: libc.unshare(0x10000000) == 0); attempt(lambda: libc.unshare(0x20000) == 0); "
    "attempt(lambda: libc.umount2(b'/proc', 2) == 0); "
    "attempt(lambda: libc.mount(b'p', b'/tmp', b'proc', 0, None) == 0)",
    "another user": "attempt(lambda: os.setuid(0) is None); attempt(lambda: os.chroot('/tmp') is None); "
    "attempt(lambda: os.mknod('/out/disk', 0o60600, os.makedev(8, 0)) is None); "
    "attempt(lambda: open('/dev/mem', 'rb')); attempt(lambda: open('/dev/kmsg', 'rb'))",
    "ptrace": "for pid in (1, os.getppid(), 2):\n"
    " attempt(lambda: pid != os.getpid() and libc.ptrace(16, pid, 0, 0) == 0)\n"
    "class Vec(ctypes.Structure): _fields_ = [('p', ctypes.c_void_p), ('n', ctypes.c_size_t)]\n"
    "b = ctypes.create_string_buffer(8); v = Vec(ctypes.addressof(b), 8)\n"
    "attempt(lambda: libc.process_vm_readv(1, ctypes.byref(v), 1, ctypes.byref(v), 1, 0) > 0)",
    "signals to the parent": "for s in (signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):\n"
    "    for pid in (1, os.getppid()): os.kill(pid, s)\n"
    "attempt(lambda: os.kill({parent}, 0) is None); attempt(lambda: os.kill(3, 0) is None); time.sleep(0.05)",
    "open files of the sandbox": "attempt(lambda: [fd for fd in range(3, 2000) if not os.set_inheritable(fd, True)])",
    "symlinks": "os.symlink('/etc/passwd', 'picture.png'); os.mkfifo('pipe'); os.mkdir('folder'); "
    "os.symlink({secret!r}, 'other')",
    "other jobs": "attempt(lambda: [os.path.join(a, f) for d in ('/out', '/tmp', '/dev', '/cache', '/var') "
    "for a, _, fs in os.walk(d) for f in fs if 'trace-of-a-job' in f])\n"
    "for d in ('/out', '/tmp', '/dev/shm', '/cache', '/dev', '/'):\n"
    "    try: open(d + '/trace-of-a-job', 'w').write('x')\n"
    "    except OSError: pass",
}
"""Ends of programs that print ESCAPED where they get what they want."""

EXHAUSTIONS = {
    "endless loop": ("while True: pass", {"time", "killed"}),
    "sleep": ("time.sleep(1000)", {"time"}),
    "stopped": ("os.kill(os.getpid(), signal.SIGSTOP)", {"time"}),
    "fork bomb": ("import os\nwhile True:\n  try: os.fork()\n  except OSError: pass", {"time", "killed"}),
    "threads": (
        "import threading\nfor _ in range(100): threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
        {"error"},
    ),
    "memory": ("b = bytearray(4_000_000_000)", {"error"}),
    "memory in pieces": ("a = []\nwhile True: a.append(bytearray(10_000_000))", {"error"}),
    "big file": ("f = open('a', 'wb')\nwhile True: f.write(bytes(1_000_000))", {"error", "killed"}),
    "full disk": (
        "for n in range(99):\n  with open(f'/tmp/{n}', 'wb') as f: f.write(bytes(3_000_000))",
        {"error", "killed"},
    ),
    "many files": ("for n in range(100_000): open(f'{n}', 'w').close()", {"error"}),
    "output without end": ("while True: sys.stdout.write('x' * 10_000)", {"flood"}),
    "crash": ("ctypes.string_at(0)", {"killed"}),
    "exit at once": ("os._exit(0)", {"done"}),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with pytest.MonkeyPatch.context() as patch, Sandbox(limits=SMALL, engine="bwrap") as opened:
        patch.setenv("OPENAI_API_KEY", KEY)
        assert opened.run("print(1)").said == "1\n"
        yield opened


def descendants(pid: int) -> set[int]:
    """Processes that run below one, as the host sees them."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
                if state != "Z":
                    parents[int(folder.name)] = int(parent)
    found, new = set(), {pid}
    while new:
        found |= new
        new = {child for child, parent in parents.items() if parent in found} - found
    return found


@contextlib.contextmanager
def nothing_left(sandbox: Sandbox) -> Iterator[None]:
    """The same processes before and after, in the sandbox that was there before; and the next job works."""
    assert sandbox._process is not None
    before, opened = descendants(sandbox._process.pid), sandbox.opened
    yield
    assert sandbox._process is not None
    assert descendants(sandbox._process.pid) == before
    after = sandbox.run("open('answer', 'w').write(str(6 * 7))")
    assert (after.end, after.files) == ("done", {"answer": b"42"})
    assert sandbox.opened == opened


@pytest.mark.parametrize("name", ATTEMPTS)
def test_nothing_gets_out(sandbox: Sandbox, name: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text(KEY)
    abstract = f"openmolmo-test-{os.getpid()}"
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(f"\0{abstract}")
        unix.listen()
        facts = {
            "port": server.getsockname()[1],
            "abstract": abstract,
            "secret": str(secret),
            "key": KEY,
            "parent": os.getpid(),
            "packages": str(Path(pytest.__file__).parents[1]),
        }
        with nothing_left(sandbox):
            for _ in range(2):  # the second looks for what the first left
                outcome = sandbox.run(HELP, ATTEMPTS[name].format(**facts))
                assert "ESCAPED" not in outcome.said
                assert outcome.end == "done", outcome
                assert "held" in outcome.said or name == "symlinks"
                assert not any(KEY.encode() in data or b"root:" in data for data in outcome.files.values())
    if name == "symlinks":
        assert not outcome.files
        assert len(outcome.left_out) == 4


@pytest.mark.parametrize("name", EXHAUSTIONS)
def test_nothing_is_used_up(sandbox: Sandbox, name: str) -> None:
    code, ends = EXHAUSTIONS[name]
    quick = SMALL.replace(seconds=0.5) if "time" in ends else SMALL
    with nothing_left(sandbox):
        outcome = sandbox.run(HELP, code, limits=quick)
        assert outcome.end in ends, outcome
        assert outcome.seconds < 3.5


def test_no_daemon_stays(sandbox: Sandbox) -> None:
    daemon = (
        "if os.fork() == 0:\n os.setsid()\n if os.fork() == 0:\n  signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "  os.closerange(0, 3)\n  time.sleep(1000)\n os._exit(0)\nprint('parent is done')"
    )
    with nothing_left(sandbox):
        outcome = sandbox.run(HELP, daemon)
        assert (outcome.end, outcome.said) == ("done", "parent is done\n")


def test_a_lost_sandbox_is_opened_again_and_ends_with_its_runner() -> None:
    with Sandbox(limits=SMALL, engine="bwrap", recycle=2) as sandbox:
        assert sandbox.run("print(1)").end == "done"
        assert sandbox._process is not None
        started = threading.Timer(0.2, sandbox._process.kill)
        started.start()
        assert sandbox.run("import time; time.sleep(2)").end == "lost"
        assert [sandbox.run("print(1)").end for _ in range(2)] == ["done"] * 2
        assert sandbox._process is None  # recycled after two jobs
        assert sandbox.run("print(1)").said == "1\n"
        assert sandbox.opened == 3
        inside = descendants(sandbox._process.pid)
    assert len(inside) >= 2
    patience = time.monotonic() + 60
    while time.monotonic() < patience and any(Path(f"/proc/{pid}/exe").exists() for pid in inside):
        time.sleep(0.01)
    assert not any(Path(f"/proc/{pid}/exe").exists() for pid in inside)


def test_without_walls_between_jobs_each_has_its_own_sandbox() -> None:
    with Sandbox(limits=SMALL, engine="bwrap") as sandbox:
        sandbox.run("")
        sandbox._walls = False
        sandbox.run("open('/tmp/trace', 'w')")
        assert sandbox._process is None
        assert sandbox.run("import os; print(os.listdir('/tmp'))").said == "[]\n"


def test_a_machine_that_cannot_refuses_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch.shutil, "which", lambda name: None)
    with Sandbox() as sandbox, pytest.raises(SandboxRefused, match="apt install bubblewrap"):
        sandbox.run("print(1)")
    assert "runsc is not installed" in str(sandbox_missing("runsc"))
    monkeypatch.undo()
    monkeypatch.setattr(launch, "_try_namespaces", lambda: "setting up uid map: Permission denied")
    with Sandbox(engine="bwrap") as sandbox, pytest.raises(SandboxRefused, match=r"forbids the namespaces .*uid map"):
        sandbox.run("print(1)")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "Linux only" in str(sandbox_missing())
    with pytest.raises(ConfigError, match="memory=0"):
        Limits(memory=0)


def test_a_python_that_does_not_start_is_a_sentence() -> None:
    unknown = Sandbox(preload=("no_such_module",), engine="bwrap")
    with unknown as sandbox, pytest.raises(SandboxRefused, match="No module named 'no_such_module'"):
        sandbox.run("print(1)")


def test_gvisor_gets_the_same_place(tmp_path: Path) -> None:
    command = runsc_bundle(Place.here(), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert command[:2] == ["runsc", "--network=none"]
    assert config["process"]["capabilities"] == {}
    assert config["process"]["user"]["uid"] != 0
    binds = [mount for mount in config["mounts"] if mount["type"] == "bind"]
    assert all("ro" in mount["options"] for mount in binds)
    assert {mount["destination"] for mount in binds} >= {"/usr", "/inside.py"}
    assert not any(KEY in one for one in config["process"]["env"])


def png(folder: Path, size: tuple[int, int] = (40, 30)) -> bytes:
    path = folder / "made.png"
    Image.new("1", size).save(path)
    return path.read_bytes()


def test_one_picture_and_no_other(tmp_path: Path) -> None:
    good = png(tmp_path)
    data, facts = the_picture(Outcome(end="done", files={"picture.png": good, "marks.json": b"{}"}))
    assert (data, facts.width, facts.height) == (good, 40, 30)
    jpeg = tmp_path / "a.jpg"
    Image.new("RGB", (9, 9)).save(jpeg)
    for files, said in (
        ({}, "left none"),
        ({"picture.png": good, "second.PNG": good}, r"picture.png, second.PNG"),
        ({"other.png": good}, "left other.png"),
        ({"picture.png": b"no picture"}, "cannot be read"),
        ({"picture.png": good[:-30]}, "cannot be read"),
        ({"picture.png": jpeg.read_bytes()}, "is no PNG"),
        ({"picture.png": png(tmp_path, (30_000, 20))}, "30000 x 20"),
    ):
        with pytest.raises(DataError, match=said):
            the_picture(Outcome(end="done", files=files))
    with pytest.raises(DataError, match="error: Zero"):
        the_picture(Outcome(end="error", said="ZeroDivisionError"))
    with pytest.raises(DataError, match=r"cannot be taken: 'picture.png': a link"):
        the_picture(Outcome(end="done", files={}, left_out=("'picture.png': a link",)))


@pytest.mark.slow
def test_matplotlib_draws_and_a_huge_picture_does_not() -> None:
    draw = (
        "import matplotlib.pyplot as plt\nplt.figure(figsize=({0}, {0}))\nplt.plot([1, 2])\nplt.savefig('picture.png')"
    )
    with Sandbox(preload=("matplotlib.pyplot",), engine="bwrap") as sandbox:
        the_picture(sandbox.run(draw.format(3)))
        for size in (12, 3000):  # 1,200 pixels of a side, and more than there can be
            with pytest.raises(DataError, match=r"1200 x 1200 pixels|ended with an error"):
                the_picture(sandbox.run(draw.format(size)), side=1000)
        the_picture(sandbox.run(draw.format(3)))
        assert sandbox.opened == 1
