"""A process and all that it starts, watched: seconds, CPU, memory, disk. Linux only.

Memory is the proportional set size (Pss of /proc/PID/smaps_rollup: a page that several processes
share counts once) summed over the process and its descendants, such as Spark's JVM and its Python
workers; CPU is what these used in user and system mode. Disk is the blocks of the files below a
folder. All is looked at ten times a second at first and every half second later: what lives shorter
than that is missed, and so is a file that was deleted while a process has it open.
"""

import os
import resource
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["FailedError", "Watched", "blocks_below", "watch"]

FIRST, LONGEST, GROWTH = 0.1, 0.5, 1.2  # seconds between looks
LAST_WORDS = 500  # characters of what a process that failed said last
PATIENCE = 30.0  # seconds for what a process started to end after it


class FailedError(Exception):
    """A process ended with an error: its last words."""


@dataclass(frozen=True)
class Watched:
    """What a process took: seconds of the clock and of CPU, bytes of memory and disk at most.

    `disk` is beyond what the folder held when the process began.
    """

    seconds: float
    cpu: float
    memory: int
    disk: int
    output: str


_Process = tuple[int, str]  # its id and when it was born
_TICKS = os.sysconf("SC_CLK_TCK")


class _Looks:
    """The most that was seen of a process tree and a folder, and the CPU of the processes seen."""

    def __init__(self, process: int, folder: Path) -> None:
        self.memory = 0
        self.disk = 0
        self.cpu: dict[_Process, float] = {}
        self._process = process
        self._folder = folder
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_on)

    def __enter__(self) -> "_Looks":
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._ended.set()
        self._thread.join()
        self.disk = max(self.disk, blocks_below(self._folder))

    def _look_on(self) -> None:
        pause = FIRST
        while not self._ended.wait(pause):
            tree = _tree(self._process)
            self.cpu |= tree
            self.memory = max(self.memory, sum(_proportional_size(pid) for pid, _ in tree))
            self.disk = max(self.disk, blocks_below(self._folder))
            pause = min(pause * GROWTH, LONGEST)


def watch(command: list[str], environment: dict[str, str], folder: Path) -> Watched:
    """Run a process in a folder, watched; FailedError where that ends with an error.

    Returns when everything that it started has ended as well, and does not count that time.
    """
    before = blocks_below(folder)
    ended_before = _cpu_of_ended()
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with _Looks(process.pid, folder) as looks, _ending(process):
        output, narration = process.communicate()
        seconds = time.perf_counter() - start
    _await_end(set(looks.cpu))
    cpu = max(_cpu_of_ended() - ended_before, sum(looks.cpu.values()))
    if process.returncode:
        last = "".join(narration.splitlines()[-1:])[:LAST_WORDS]
        raise FailedError(f"{' '.join(command)} ended with {process.returncode}: {last}")
    return Watched(seconds, cpu, looks.memory, max(looks.disk - before, 0), output.strip())


@contextmanager
def _ending(process: subprocess.Popen[str]) -> Iterator[None]:
    """Let a process not outlive what waits for it."""
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def blocks_below(folder: Path) -> int:
    """Return the bytes of disk that the files below a folder take."""
    total = 0
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if entry.is_dir(follow_symlinks=False):
                    total += blocks_below(Path(entry.path))
                else:
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
    return total


def _cpu_of_ended() -> float:
    """Return the seconds of CPU of all processes that were started here and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _processes() -> Iterator[tuple[_Process, int, float]]:
    """Yield each process, its parent's id and its seconds of CPU."""
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal():
            with suppress(OSError):
                # Counted as in proc(5), where the state is the third.
                fields = Path(entry.path, "stat").read_text(errors="replace").rpartition(")")[2]
                values = ["", "", "", *fields.split()]
                cpu = (int(values[14]) + int(values[15])) / _TICKS
                yield (int(entry.name), values[22]), int(values[4]), cpu


def _tree(root: int) -> dict[_Process, float]:
    """Return a process and its descendants, and the seconds of CPU of each."""
    children = defaultdict(list)
    found = {}
    for process, parent, cpu in _processes():
        children[parent].append(process[0])
        found[process[0]] = process, cpu
    tree = {}
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        if pid in found:
            process, cpu = found[pid]
            tree[process] = cpu
            waiting += children[pid]
    return tree


def _proportional_size(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _await_end(seen: set[_Process]) -> None:
    """Wait until none of some processes lives, so that the next one has the machine alone."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and not seen.isdisjoint(p for p, _, _ in _processes()):
        time.sleep(0.1)
