"""Chooses the folder of a store: on this machine, or at a URL."""

import os

from cxr_duck.errors import StoreError
from cxr_duck.io.urls import local_path
from cxr_duck.store.local_folder import StoreFolder
from cxr_duck.store.remote_folder import RemoteFolder

__all__ = ["folder_of"]


def folder_of(place: str | os.PathLike[str] | None) -> StoreFolder:
    """Return the folder of a store at a path or URL; of None, at $CXR_STORE, else ./cxr-store.

    Raises StoreError for a path with a ?, which DuckDB takes for the end of a file's name.
    """
    named = place if place is not None else os.environ.get("CXR_STORE") or "cxr-store"
    if (path := local_path(named)) is not None:
        if "?" in os.fspath(path.absolute()):
            raise StoreError(f"{path} has a ? in its path, which DuckDB can't open: take another")
        return StoreFolder(path)
    return RemoteFolder(os.fspath(named))
