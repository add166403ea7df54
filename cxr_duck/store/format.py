"""The number of a store's format: which versions read it, and what is said to those that don't.

A store of format 2 or later says it in `store_format`, whose columns format, lowest_version and
package_version are kept for good. Stores of 0.5.0 and 0.6.0 say nothing, and are of format 1. What
brings a store from one format to the next is in `cxr_duck.store.format_steps`.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from cxr_duck.errors import StoreError
from cxr_duck.version import __version__

__all__ = ["FIRST_VERSIONS", "FORMAT", "StoreFormat", "count_state", "read_format", "refuse_later"]

# Of each format the first version that writes it, which is the lowest that reads it.
FIRST_VERSIONS = {1: "0.5.0", 2: "0.7.0"}
FORMAT = max(FIRST_VERSIONS)


@dataclass(frozen=True)
class StoreFormat:
    """The format of a store, the lowest version that reads it, and the one that wrote it last.

    `state` counts what was published in the store since it has a number.
    """

    number: int
    lowest_version: str
    package_version: str
    state: int


def read_format(catalog: duckdb.DuckDBPyConnection, database: str = "") -> StoreFormat:
    """Return the format of the store of an open catalog, which may be attached as a database.

    Raises duckdb.CatalogException where this is no catalog of a store.
    """
    within = f"{database}." if database else ""
    with suppress(duckdb.CatalogException):
        rows = catalog.execute(
            f"SELECT format, lowest_version, package_version, state FROM {within}store_format"
        ).fetchall()
        if rows:
            return StoreFormat(*rows[0])
    rows = catalog.execute(
        f"SELECT package_version FROM {within}publications ORDER BY publication DESC LIMIT 1"
    ).fetchall()
    return StoreFormat(1, FIRST_VERSIONS[1], rows[0][0] if rows else FIRST_VERSIONS[1], 0)


def refuse_later(root: Path | str, found: StoreFormat) -> None:
    """Raise StoreError, which names the version to install, where a later version is needed."""
    if found.number > FORMAT:
        raise StoreError(
            f"{root} was written by cxr-duck {found.package_version} (format {found.number}); this "
            f"is {__version__}, which reads formats 1 to {FORMAT}: "
            f"pip install 'cxr-duck>={found.lowest_version}'"
        )


def count_state(catalog: duckdb.DuckDBPyConnection) -> int:
    """Say in the working copy of a catalog that it is the next state, of this version's format."""
    state = read_format(catalog).state + 1
    catalog.execute("DELETE FROM store_format")
    catalog.execute(
        "INSERT INTO store_format VALUES (?, ?, ?, ?, ?)",
        [
            FORMAT,
            FIRST_VERSIONS[FORMAT],
            __version__,
            state,
            datetime.now(UTC).replace(tzinfo=None),
        ],
    )
    return state
