"""Finds images by id or by query, each with its findings and a way to its pixels."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.errors import UnknownImageError
from cxr_duck.images.files.folder import ImageFolder
from cxr_duck.images.pixels.cxr_image import CXRImage, CXRImages
from cxr_duck.index.damaged import without_damaged
from cxr_duck.index.image_facts import find_id
from cxr_duck.index.pure import is_pure
from cxr_duck.query.find import ask
from cxr_duck.query.read_only import translating_query_errors

if TYPE_CHECKING:
    from cxr_duck.store.store import Store

__all__ = ["image_of", "images_of"]


def image_of(store: "Store", word: str, images_folder: Path | None) -> CXRImage:
    """Return an image of the index, by its id or the beginning of its id alone.

    Raises UnknownImageError with the nearest ids.
    """
    engine = store.duckdb()
    image_id = find_id(engine, word)
    engine.put("asked_images", "image_id VARCHAR", [(image_id,)])
    found = _asked(engine, images_folder)
    if not found:
        raise UnknownImageError(f"{image_id} is not in the index: 'cxr why {image_id}' says more")
    return found[0]


def images_of(
    store: "Store",
    query: str | None,
    hierarchy: str | os.PathLike[str],
    images_folder: Path | None,
    damaged: bool = False,
) -> CXRImages:
    """Return the images of the index that a query holds for, or all of them.

    Those with a damaged file are left out, unless `damaged` asks for them.

    Raises QueryError, UnknownTermError.
    """
    engine = store.duckdb()
    sql, params = f"SELECT image_id FROM {without_damaged(engine, 'images', damaged)}", {}
    if is_pure(engine):
        sql += " WHERE array_length(findings) = 1"
    if query is not None:
        requested = ask(engine, query, hierarchy, damaged).ids
        sql, params = requested.sql, requested.params
    with translating_query_errors():
        engine.connection.execute(f"CREATE OR REPLACE TEMP TABLE asked_images AS {sql}", params)
    return _asked(engine, images_folder)


def _asked(engine: DuckDBEngine, images_folder: Path | None) -> CXRImages:
    folder = ImageFolder(images_folder.absolute()) if images_folder is not None else None
    return CXRImages(engine.arrow("cxr_images"), folder)
