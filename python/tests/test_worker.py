"""The first moments of a worker process, seen from outside: a stand-in for the extension reports what it finds."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from beringia import _output

PACKAGE = Path(__file__).parents[1] / "beringia"

REPORT = """
import json, os, signal, socket, sys
scope = lambda: None
def run_worker(fd):
    channel = socket.socket(fileno=fd)
    def flags(n):
        return os.readlink(f"/proc/self/fd/{n}")
    fds = {int(n): flags(n) for n in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{n}")}
    print("the function's output")
    channel.send(json.dumps({
        "channel": fd,
        "inheritable": os.get_inheritable(fd),
        "stdin": fds[0],
        "above": {n: link for n, link in fds.items() if n > 2},
        "stderr": fds[2],
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "ignored": sorted(s for s in signal.valid_signals() if signal.getsignal(s) is signal.SIG_IGN),
        "sigint": signal.getsignal(signal.SIGINT) is signal.SIG_DFL,
        "path": sys.path,
        "faulthandler": __import__("faulthandler").is_enabled(),
    }).encode())
"""


@pytest.fixture
def stand_in(tmp_path):
    """A copy of the package whose extension is REPORT; returns what to put on PYTHONPATH."""
    package = tmp_path / "site" / "beringia"
    package.mkdir(parents=True)
    for source in PACKAGE.glob("*.py"):
        (package / source.name).write_bytes(source.read_bytes())
    (package / "_native.py").write_text(REPORT, encoding="utf-8")
    return package.parent


def start(site, *, stdin, python=sys.executable, **options):
    return subprocess.Popen(
        [python, "-m", "beringia.worker"],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(site)},
        **options,
    )


def ignore_and_block():
    """What a JVM started from a terminal does to its children."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGQUIT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR2])


@pytest.fixture
def report(stand_in, tmp_path):
    ours, theirs = socket.socketpair()
    leaked = os.open("/dev/zero", os.O_RDONLY)
    os.set_inheritable(leaked, True)
    os.dup2(leaked, 200, inheritable=True)
    try:
        worker = start(stand_in, stdin=theirs, cwd=tmp_path, close_fds=False, preexec_fn=ignore_and_block)
        theirs.close()
        ours.settimeout(30)
        data = ours.recv(1 << 16)
        out, err = worker.communicate(timeout=30)
    finally:
        os.close(leaked)
        os.close(200)
        ours.close()
    assert worker.returncode == 0, err.decode()
    mark, record = out[:1].decode(), json.loads(out[1:])
    assert (mark, record["logger"], record["message"]) == (_output.MARK, "stdout", "the function's output")
    return json.loads(data)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_worker_sheds_what_it_inherited(report, tmp_path):
    assert report["channel"] >= 3
    assert not report["inheritable"]
    assert report["stdin"] == "/dev/null"
    # The channel and a second descriptor of the standard error, for logs; not 200, not the pipes of this process.
    channel = report["above"].pop(str(report["channel"]))
    assert channel.startswith("socket:")
    assert list(report["above"].values()) == [report["stderr"]]
    assert report["blocked"] == []
    # Python itself ignores these two from its start.
    assert report["ignored"] == sorted([signal.SIGPIPE, signal.SIGXFSZ])
    assert report["sigint"]
    assert str(tmp_path) not in report["path"]
    assert "" not in report["path"]
    assert report["faulthandler"]


def test_a_worker_started_by_hand_says_so(stand_in):
    worker = start(stand_in, stdin=subprocess.DEVNULL)
    _, err = worker.communicate(timeout=30)
    assert worker.returncode == 86
    assert "workers are started by Beringia, not by hand" in err.decode()


def refused(site, python=sys.executable):
    """The one line on stderr of a worker that cannot be one."""
    ours, theirs = socket.socketpair()
    worker = start(site, stdin=theirs, python=python)
    theirs.close()
    _, err = worker.communicate(timeout=60)
    ours.close()
    assert worker.returncode == 86, err.decode()
    (line,) = err.decode().splitlines()
    assert str(python) in line
    assert ".".join(map(str, sys.version_info[:3])) in line
    return line


def test_without_numpy_one_line_says_so(stand_in, tmp_path):
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    line = refused(stand_in, bare / "bin" / "python")
    assert "cannot import NumPy: ModuleNotFoundError" in line


def test_without_an_extension_for_this_python_one_line_says_so(stand_in):
    (stand_in / "beringia" / "_native.py").unlink()
    line = refused(stand_in)
    assert "cannot load the extension of beringia (ImportError" in line or "ModuleNotFoundError" in line
