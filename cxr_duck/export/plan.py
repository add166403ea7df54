"""The plan of an export: its files, each with the function that writes it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Output", "Plan", "Step", "Unread"]

Step = Callable[[], None]


class Unread(NamedTuple):
    """An image that could not be read, and why, in a few words."""

    image_id: str
    reason: str


@dataclass(frozen=True)
class Output:
    """A file of an export: its path below the folder, with `/` between the parts, and its maker.

    `write` makes the file of the path that it is given, which is renamed to its own when it is
    whole, and calls the step once for each of the `images` that the file holds. It returns those
    that could not be read, and makes no file where none could. It is called from one of several
    threads. It raises ExportError, and OSError only where the disk refuses. `source`
    is a digest of what the file is made from, beside the plan's request: where it has changed since
    an export was stopped, the file is written again.
    """

    path: str
    write: Callable[[Path, Step], Sequence[Unread]]
    images: int = 1
    source: str = ""


@dataclass(frozen=True)
class Plan:
    """What an export in one form is going to write.

    `films` is the number of distinct images that it hands out; one of several classes may lie in
    several outputs. `request` is all that the files depend on, as JSON can hold it: an export that
    was stopped goes on where the same is asked again. `bytes` are those needed on the disk, as near
    as can be told. `finish` is given the folder with all outputs in it and the images that could
    not be read, and writes what describes them. `known` tells, when all is written, how the range
    of each image that was scaled is known, by its path. An export that isn't `resumable` leaves
    nothing behind when it is stopped.
    """

    form: str
    request: dict[str, Any]
    outputs: Sequence[Output]
    bytes: int
    films: int
    finish: Callable[[Path, Sequence[Unread]], None]
    resumable: bool = True
    known: Mapping[str, str] = field(default_factory=dict)

    @property
    def images(self) -> int:
        """The number of images in all outputs, one that lies in several counted for each."""
        return sum(output.images for output in self.outputs)

    def report(self) -> dict[str, Any]:
        """Return the form and the numbers of distinct images, files and bytes, for JSON."""
        return {
            "form": self.form,
            "images": self.films if self.outputs else 0,
            "files": len(self.outputs),
            "bytes": self.bytes,
        }
