"""The films of a dataset that have a file, and those that have none."""

import hashlib
import json
from contextlib import suppress
from dataclasses import astuple
from typing import NamedTuple

from cxr_duck.errors import ExportError
from cxr_duck.export.handout import Handout
from cxr_duck.export.rendering import Film

__all__ = ["Found", "found_films"]

_SOME = 3  # names of missing files that a message spells out


class Found(NamedTuple):
    """An image and its file's size in bytes, and when that was changed, in nanoseconds."""

    film: Film
    bytes: int
    modified: int

    @property
    def digest(self) -> str:
        """The digest of all that the image's file in an export depends on, beside the options."""
        known = json.dumps([astuple(self.film), self.bytes, self.modified])
        return hashlib.sha256(known.encode()).hexdigest()[:32]


def found_films(source: Handout) -> list[Found]:
    """Return the image of each row and its file; ExportError where some are not there."""
    assert source.folder is not None
    image_ids = source.manifest.column("image_id").to_pylist()
    status: dict[str, tuple[int, int]] = {}
    for path in dict.fromkeys(film.path for film in source.films.values()):
        with suppress(OSError):
            status[path] = source.folder.stat(path)
    films = [source.films.get(image_id) for image_id in image_ids]
    missing = [
        image_id
        for image_id, film in zip(image_ids, films, strict=True)
        if film is None or film.path not in status
    ]
    if missing:
        raise ExportError(
            f"{len(missing):,} of {len(image_ids):,} images are not below {source.folder.root}, "
            f"{', '.join(missing[:_SOME])}{', …' if len(missing) > _SOME else ''} among them: "
            "give the folder with --images, or index again with --images"
        )
    return [Found(film, *status[film.path]) for film in films if film is not None]
