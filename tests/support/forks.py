"""Programs that fork off a process which has imported the library already.

A command line of its own costs a fifth of a second before it does anything. Here one process
imports what they need, once, and each program is a fork of it: a process of its own with its own
arguments, folder, environment and standard streams, that ends as any other does.
"""

import atexit
import gc
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import NamedTuple

import cxr_duck

__all__ = ["Forked", "Forks", "Order", "forks"]

# What the commands import when they need it.
_IMPORTED = (
    "duckdb", "highspy", "imagehash", "lark", "numpy", "polars", "pyarrow.compute",
    "pyarrow.dataset", "pyarrow.parquet", "PIL.Image", "rich.table", "scipy.stats", "typer",
)  # fmt: skip

_COMMAND = """#!{python} -ISE
import json, os, socket, sys
line = socket.socket(socket.AF_UNIX)
line.connect({address!r})
order = json.dumps(["", ["cxr", *sys.argv[1:]], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(line, [len(order).to_bytes(8, "big")], [0, 1, 2])
line.sendall(order)
line.recv(8)
code = int.from_bytes(line.recv(8), "big", signed=True)
sys.exit(code if code >= 0 else 128 - code)
"""


class Order(NamedTuple):
    """What a fork shall run: a script, or a command line of `cxr` where it is empty."""

    script: str
    words: list[str]
    folder: str
    environment: dict[str, str]

    def run(self) -> None:
        """Run it in this process."""
        os.chdir(self.folder)
        os.environ.clear()
        os.environ.update(self.environment)
        sys.argv = self.words
        if self.script:
            exec(compile(self.script, "<script>", "exec"), {"__name__": "__main__"})
        else:
            from cxr_duck.cli import main

            main()


class Forked:
    """A program that was started: its process, and the end of a line that tells how it ended."""

    def __init__(self, line: socket.socket, order: Order, streams: Sequence[int]) -> None:
        self._line = line
        message = json.dumps(order).encode()
        socket.send_fds(line, [len(message).to_bytes(8)], list(streams))
        line.sendall(message)
        self.process = int.from_bytes(line.recv(8))

    def wait(self, seconds: float | None = None) -> int:
        """Return its exit code, negative for a signal; TimeoutError where it is still at work."""
        self._line.settimeout(seconds)
        code = self._line.recv(8)
        self._line.close()
        return int.from_bytes(code, signed=True)

    def kill(self) -> int:
        """Kill it and return its exit code, which is another where it had ended by itself."""
        with suppress(ProcessLookupError):  # it ended meanwhile
            os.kill(self.process, signal.SIGKILL)
        return self.wait()


class Forks:
    """The process that others fork off."""

    def __init__(self, address: str) -> None:
        self.address = address

    def start(self, order: Order, streams: Sequence[int] = (0, 1, 2)) -> Forked:
        """Start a program with these files as its standard streams."""
        line = socket.socket(socket.AF_UNIX)
        line.connect(self.address)
        return Forked(line, order, streams)

    def run(
        self, script: str, *words: str | Path, folder: Path, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a script, or a command line of `cxr`, to its end, and return what it printed."""
        order = Order(script, ["cxr", *map(str, words)], str(folder), {**os.environ, **environment})
        (out, to_out), (err, to_err) = os.pipe(), os.pipe()
        with Path(os.devnull).open("rb") as nothing:
            started = self.start(order, [nothing.fileno(), to_out, to_err])
        os.close(to_out)
        os.close(to_err)
        with ThreadPoolExecutor(2) as pool:
            printed = list(pool.map(_text_of, (out, err)))
        code = started.wait()
        return subprocess.CompletedProcess(order.words, code, *printed)

    def put_command(self, folder: Path) -> None:
        """Write a command `cxr` into a folder, for shells, that runs in a fork."""
        command = folder / "cxr"
        command.write_text(_COMMAND.format(python=sys.executable, address=self.address))
        command.chmod(0o755)


def _text_of(pipe: int) -> str:
    with open(pipe, encoding="utf-8") as file:
        return file.read()


@contextmanager
def forks(preparation: str = "") -> Iterator[Forks]:
    """Yield a process to fork off, which ends with the body; it runs a script beforehand."""
    with tempfile.TemporaryDirectory() as folder:  # a socket's address may have 100 characters
        address = f"{folder}/socket"
        server = subprocess.Popen(
            [sys.executable, "-m", __name__, address, preparation],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdout is not None
        with server, server.stdout as told:
            assert told.readline() == "ready\n"
            try:
                yield Forks(address)
            finally:
                server.terminate()


def _serve(address: str) -> Order:
    """Fork for each order; return the order in the process that shall run it."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        while True:
            line, _ = listener.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                return _started(line)
            line.close()
            _reap()


def _reap() -> None:
    """Take leave of the children that have ended."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return
        except ChildProcessError:
            return


def _started(line: socket.socket) -> Order:
    """Return the order in a fork of this process, which itself waits and tells how it went."""
    length, streams, *_ = socket.recv_fds(line, 8, 3)
    message = b""
    while len(message) < int.from_bytes(length):
        message += line.recv(1 << 16)
    process = os.fork()
    if process == 0:
        line.close()
        order = Order(*json.loads(message))
        _take(streams, buffered=not order.environment.get("PYTHONUNBUFFERED"))
        return order
    for stream in (0, 1, 2, *streams):
        os.close(stream)
    line.sendall(process.to_bytes(8))
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    line.sendall(code.to_bytes(8, signed=True))
    os._exit(0)


def _take(streams: Sequence[int], *, buffered: bool) -> None:
    """Make these files the standard streams, as Python opens its own."""
    for place, stream in enumerate(streams):
        os.dup2(stream, place)
        os.close(stream)
    inward = io.BufferedReader(io.FileIO(0, closefd=False))
    out: io.RawIOBase | io.BufferedWriter = io.FileIO(1, "w", closefd=False)
    if buffered:
        out = io.BufferedWriter(out)
    error = io.FileIO(2, "w", closefd=False)
    sys.stdin = io.TextIOWrapper(inward, "utf-8")
    sys.stdout = io.TextIOWrapper(out, "utf-8", write_through=not buffered)
    sys.stderr = io.TextIOWrapper(error, "utf-8", "backslashreplace", write_through=True)


def _import() -> None:
    """Import what the commands need, and all of the library but what needs Spark or PyTorch."""
    for name in _IMPORTED:
        with suppress(ImportError):  # of an extra that isn't installed
            import_module(name)
    for module in walk_packages(cxr_duck.__path__, "cxr_duck."):
        if not re.search(r"spark|translate|translated|torch|__main__", module.name):
            import_module(module.name)
    gc.collect()
    gc.freeze()


def _end(order: Order) -> None:
    """Run an order and end as Python does, but don't take the modules apart: they are shared."""
    code: object = 0
    try:
        order.run()
    except SystemExit as stop:
        code = stop.code
        if code is not None and not isinstance(code, int):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(int(code or 0))


if __name__ == "__main__":
    _import()
    exec(sys.argv[2])
    _end(_serve(sys.argv[1]))
