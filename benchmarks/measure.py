"""What the benchmarks share: medians of repeated runs, and which machine they ran on."""

import os
import platform
import statistics
import subprocess
import time
import timeit
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

__all__ = ["machine", "median_of", "median_of_process"]


def median_of(work: Callable[[], object], times: int) -> float:
    """Return the median seconds of a function called several times, as timeit without gc."""
    return statistics.median(timeit.repeat(work, number=1, repeat=times))


def median_of_process(command: list[str], times: int, before: Callable[[], object]) -> float:
    """Return the median seconds of a whole process; `before` runs ahead of each, untimed."""
    seconds = []
    for _ in range(times):
        before()
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def machine() -> str:
    """Return a line about the machine and the versions."""
    info = Path("/proc/cpuinfo")
    names = [
        line.partition(":")[2].strip()
        for line in (info.read_text(encoding="utf-8").splitlines() if info.exists() else [])
        if line.startswith("model name")
    ]
    return (
        f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores; "
        f"Python {platform.python_version()}, duckdb {version('duckdb')}"
    )
