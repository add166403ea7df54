"""Merges the small data files that a store gets by growing."""

from cxr_duck.engines.duckdb import working_engine
from cxr_duck.progress import Progress
from cxr_duck.store.changes import next_change, publish_change
from cxr_duck.store.data_files import DataFile, DataWriter, data_files
from cxr_duck.store.relations import RELATIONS
from cxr_duck.store.store import SPILL, Store

__all__ = ["compact"]

_LARGE = 1_000_000  # rows of a file that is no small one


def compact(store: Store, progress: Progress) -> dict[str, tuple[int, int]]:
    """Merge data files of each relation; return its number of files before and after."""
    with store.publishing() as publication:
        publication.forgetting = True
        change = next_change(publication, "compact")
        growing = [name for name, relation in RELATIONS.items() if relation.grows]
        before = {name: data_files(publication.catalog, name) for name in growing}
        groups = [group for files in before.values() if (group := _group(files))]
        if groups:
            with (
                working_engine(store.path / SPILL) as engine,
                progress.step("merging data files", len(groups)) as done,
            ):
                writer = DataWriter(engine, publication, change.provenance)
                for number, group in enumerate(groups, start=1):
                    writer.merge(group)
                    done(number)
            publish_change(publication, change)
        else:
            publication.discarded = True
        return {
            name: (len(files), len(data_files(publication.catalog, name)))
            for name, files in before.items()
        }


def _group(files: list[DataFile]) -> list[DataFile]:
    """Return the files of a relation that are worth to be merged into one; none, or several.

    Of one that is looked up all are, since a look-up asks each file: but for one beside which the
    others are little. Of other relations the small ones.
    """
    if not files or not RELATIONS[files[0].relation].looked_up:
        group = [file for file in files if file.rows < _LARGE]
    else:
        group = sorted(files, key=lambda file: file.rows)
        while len(group) > 1 and group[-1].rows > max(
            _LARGE, 10 * sum(file.rows for file in group[:-1])
        ):
            group.pop()
    return group if len(group) > 1 else []
