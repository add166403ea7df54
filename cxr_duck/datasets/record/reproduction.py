"""Makes a recorded dataset again from its recipe, and compares the result with its record."""

from dataclasses import dataclass

from cxr_duck.datasets.allocation.decisions import (
    OtherPatients,
)
from cxr_duck.datasets.dataset import Dataset
from cxr_duck.datasets.making import make_dataset
from cxr_duck.datasets.record.record import read_dataset
from cxr_duck.errors import DatasetError, RecipeError
from cxr_duck.progress import SILENT, Progress
from cxr_duck.store.store import Store

__all__ = ["Reproduction", "changes_since", "reproduce"]


def changes_since(store: Store, publication: int) -> list[str]:
    """Return what was done to the images of a store after one of its publications, in order."""
    rows = store.engine().fetch(
        "SELECT action, label_file, added, replaced, removed FROM publications "
        "WHERE publication > ? AND action <> 'compact' ORDER BY publication",
        publication,
    )
    told = {
        "remove": "{removed:,} images were removed",
        "check": "image files were tested",
        "twins": "twin images were looked for",
        "index": "{label_file} was indexed ({added:,} images added, {replaced:,} replaced)",
    }
    return [
        told[action].format(label_file=label_file, added=added, replaced=replaced, removed=removed)
        for action, label_file, added, replaced, removed in rows
    ]


@dataclass(frozen=True)
class Reproduction:
    """A recorded dataset, what came of making it again, and what differs.

    `made` is None where the store's images of the recipe have changed since: then it can't be made
    again, and `dataset` holds what the record says. A difference is (class, finding, image_id,
    recorded split, made split); a split is None where the image is not in that dataset. `changes`
    says what was done to the images of the store since it was recorded. `sound` tells that the
    record's members are those that its digest was taken over.
    """

    dataset: Dataset
    made: Dataset | None
    differences: list[tuple[str | None, ...]]
    changes: list[str]
    sound: bool

    @property
    def excused(self) -> bool:
        """Whether there is a reason for it not to be made again: a changed store, or a bundle."""
        return bool(self.changes) or not self.dataset.decisions.quotas

    @property
    def same(self) -> bool:
        """Whether it was made again with the same members to the last."""
        return self.made is not None and self.sound and not self.differences


def reproduce(store: Store, name: str, progress: Progress = SILENT) -> Reproduction:
    """Make a recorded dataset again from its recipe and what was decided then.

    Where the store has other images of the recipe now, it is rebuilt from its recorded members.
    """
    with progress.step("making the dataset again"):
        return _reproduced(store, name)


def _reproduced(store: Store, name: str) -> Reproduction:
    recorded = read_dataset(store, name)
    changes = changes_since(store, recorded.publication)
    engine = store.engine()
    engine.put_arrow("recorded_members", recorded.members)
    engine.put_arrow("dataset_members", recorded.members)
    sound = engine.rows("digest") == [(recorded.digest,)]
    try:
        if not recorded.decisions.quotas:
            raise OtherPatients
        made = make_dataset(store, recorded.recipe, name, decided=recorded.decisions)
    except (OtherPatients, RecipeError, DatasetError):
        return Reproduction(recorded, None, [], changes, sound)
    if changes and made.digest != recorded.digest:
        return Reproduction(recorded, None, [], changes, sound)
    engine.put_arrow("dataset_members", made.members)
    return Reproduction(recorded, made, engine.rows("differences"), changes, sound)
