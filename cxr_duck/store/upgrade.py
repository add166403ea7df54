"""A store of an earlier format is brought to that of this version, as its first change does."""

from dataclasses import dataclass

from cxr_duck.store.format import FIRST_VERSIONS, FORMAT, StoreFormat, read_format
from cxr_duck.store.format_steps import changes_from
from cxr_duck.store.store import Store

__all__ = ["Upgrade", "upgrade"]


@dataclass(frozen=True)
class Upgrade:
    """What brings a store to this version's format; without `changes` it is of it already."""

    found: StoreFormat
    changes: tuple[str, ...]
    datasets: int
    data_files: int


def upgrade(store: Store, *, dry_run: bool = False) -> Upgrade:
    """Bring a store to this version's format, or only tell what that would change.

    Raises StoreError.
    """
    catalog = store.cursor(anywhere=True)
    found = read_format(catalog)
    ((datasets, data_files),) = catalog.execute(
        "SELECT (SELECT count(*) FROM experiments.dataset), (SELECT count(*) FROM data_files)"
    ).fetchall()
    changes = changes_from(found.number)
    if changes:
        changes += [
            "views, macros and comments are made anew",
            f"versions before {FIRST_VERSIONS[FORMAT]} can't open the store any more, and say so",
        ]
    if changes and not dry_run:
        with store.publishing():
            pass
    return Upgrade(found, tuple(changes), datasets, data_files)
