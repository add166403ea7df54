"""The steps from a format of the store to the next, and the first change that takes them.

They change the working copy of the catalog, which is put in force with the change or not at all. No
Parquet file is written anew, and no dataset changes.

A new format takes three things: its number and first version in `cxr_duck.store.format`, a function
here that changes the catalog of the format before it, and, where that can't be read as it is, what
lets it be read. `tests/stores` has stores of all formats, which must pass.
"""

from collections.abc import Callable

import duckdb

from cxr_duck.store.catalog import create_macros, create_tables, create_views, describe
from cxr_duck.store.format import FIRST_VERSIONS, FORMAT, read_format
from cxr_duck.store.publication import Publication

__all__ = ["bring_up", "changes_from", "step_up"]


def _to_format_2(catalog: duckdb.DuckDBPyConnection) -> None:
    """Give the store a number; data_files becomes a view that 0.5.0 and 0.6.0 can't read."""
    catalog.execute("ALTER TABLE data_files RENAME TO listed_files")
    create_tables(catalog)


# Of each format: what makes it of the one before, and what is said of that.
_STEPS: dict[int, tuple[Callable[[duckdb.DuckDBPyConnection], None], tuple[str, ...]]] = {
    2: (
        _to_format_2,
        (
            "cxr.duckdb says its format, in store_format",
            "the record of datasets gets a copy in Parquet, in record/, for cxr repair",
        ),
    ),
}


def bring_up(publication: Publication) -> str | None:
    """Bring the working copy of a catalog to this version's format; return what to tell of it.

    None where it is of that format, or new.
    """
    catalog = publication.catalog
    try:
        found = read_format(catalog)
    except duckdb.CatalogException:  # a new one
        return None
    if found.number >= FORMAT:
        return None
    step_up(catalog)
    publication.show_columns()
    create_views(catalog)
    create_macros(catalog)
    describe(catalog)
    return (
        f"{publication.store} was brought from format {found.number} (cxr-duck "
        f"{found.package_version}) to format {FORMAT}: versions before {FIRST_VERSIONS[FORMAT]} "
        "can't open it any more"
    )


def step_up(catalog: duckdb.DuckDBPyConnection) -> None:
    """Bring the tables of an earlier catalog to this version's format."""
    for number in range(read_format(catalog).number + 1, FORMAT + 1):
        _STEPS[number][0](catalog)


def changes_from(number: int) -> list[str]:
    """Return what the steps from a format to this version's change, a sentence each."""
    return [sentence for later in range(number + 1, FORMAT + 1) for sentence in _STEPS[later][1]]
