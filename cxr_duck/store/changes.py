"""A change of a store as a row of `publications`: what was done, from what, to how many images."""

import platform
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import duckdb

from cxr_duck.errors import StoreError
from cxr_duck.store.catalog import create_macros, create_views, describe
from cxr_duck.store.publication import Publication
from cxr_duck.version import __version__

__all__ = ["Change", "last_change", "publish_change"]


@dataclass(frozen=True)
class Change:
    """A row of `publications` in the making: what was done, from what, to how many images."""

    action: str
    source: str
    label_file: str
    label_file_sha256: str
    images_folder: str | None
    pure_terms: bool
    added: int = 0
    replaced: int = 0
    removed: int = 0

    @property
    def provenance(self) -> dict[str, str]:
        """What the metadata of each data file says of its origin."""
        return {
            "cxr_duck_version": __version__,
            "label_file": self.label_file,
            "label_file_sha256": self.label_file_sha256,
        }


def last_change(catalog: duckdb.DuckDBPyConnection) -> Change | None:
    """Return the change that the state in force came from, None for a new store."""
    rows = catalog.execute(
        "SELECT action, source, label_file, label_file_sha256, images_folder, pure_terms, "
        "added, replaced, removed FROM publications ORDER BY publication DESC LIMIT 1"
    ).fetchall()
    return Change(*rows[0]) if rows else None


def next_change(publication: Publication, action: str) -> Change:
    """Return a change of what the store holds already; StoreError where it holds nothing."""
    last = last_change(publication.catalog) if _has_tables(publication.catalog) else None
    if last is None:
        raise StoreError(
            f"{publication.store} is no store: run 'cxr index LABELS.csv --store "
            f"{publication.store}' first"
        )
    return replace(last, action=action, added=0, replaced=0, removed=0)


def _has_tables(catalog: duckdb.DuckDBPyConnection) -> bool:
    rows = catalog.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'publications'"
    ).fetchall()
    return bool(rows[0][0])


def publish_change(
    publication: Publication, change: Change, own_fields: Collection[str] = ()
) -> None:
    """Record a change and point the views at the data files that the catalog lists now.

    `own_fields` are those that came in with the change.
    """
    catalog = publication.catalog
    catalog.execute(
        "INSERT INTO publications VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            publication.number,
            datetime.now(UTC).replace(tzinfo=None),
            change.action,
            __version__,
            duckdb.__version__,
            platform.python_version(),
            change.source,
            change.label_file,
            change.label_file_sha256,
            change.images_folder,
            change.pure_terms,
            change.added,
            change.replaced,
            change.removed,
        ],
    )
    publication.show_columns()
    create_views(catalog, own_fields)
    create_macros(catalog)
    describe(catalog)
