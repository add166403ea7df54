"""A file or a folder that appears whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cxr_duck.errors import ExportError

__all__ = ["check_target", "new_folder", "sync", "whole_file"]


def check_target(target: Path) -> None:
    """Raise ExportError unless a folder is new, or empty and not the current one."""
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise ExportError(f"{target} is no folder: give a new one")
    if target.is_dir() and any(target.iterdir()):
        raise ExportError(f"{target} is not empty: give a new folder")
    if target.is_dir() and target.samefile(Path.cwd()):  # which can't be taken away and put back
        raise ExportError(f"{target} is the folder that you are in: give a new one below it")


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Yield a folder to fill beside `target`, which it becomes at the end.

    `target` must not exist, or be an empty folder. After an error, ExportError where the disk
    refuses, nothing is left of it.
    """
    check_target(target)
    partial = _partial(target)
    try:
        partial.mkdir(parents=True)
        yield partial
        if target.is_dir():
            target.rmdir()
        partial.rename(target)
    except OSError as error:
        raise ExportError(f"{target} can't be written to: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Yield a file to write beside `target`, which it becomes at the end, once the disk holds it.

    After an error nothing is left of it; OSError where the disk refuses.
    """
    partial = _partial(target)
    try:
        yield partial
        sync(partial)
        partial.rename(target)
    finally:
        with suppress(OSError):  # its folder is none, or can't be written to: it is not there
            partial.unlink(missing_ok=True)


def _partial(target: Path) -> Path:
    return target.parent / f".{target.name}.partial-{os.getpid()}"


def sync(path: Path) -> None:
    """Have the disk hold a file or folder before anything refers to it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
