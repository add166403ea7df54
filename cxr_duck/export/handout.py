"""A dataset as an export takes it: its manifest, image files, labels and record."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cxr_duck.datasets.examples import class_indices
from cxr_duck.engines.duckdb import DuckDBEngine, connect
from cxr_duck.errors import ExportError
from cxr_duck.export.options import ExportOptions
from cxr_duck.export.plan import Unread
from cxr_duck.export.rendering import Film
from cxr_duck.images.files.folder import ImageFolder
from cxr_duck.images.pixels.opencv import opencv
from cxr_duck.version import __version__

if TYPE_CHECKING:
    import pyarrow

    from cxr_duck.datasets.covariates.covariates import Covariates
    from cxr_duck.datasets.dataset import Dataset
    from cxr_duck.datasets.record.origin import Record

__all__ = ["Handout", "split_names", "train_split", "without_images"]

_HELD_OUT = ("valid", "validation", "val", "dev", "test")


@dataclass(frozen=True)
class Handout:
    """A dataset to hand out, and its images.

    `manifest` has the columns of `sql/export/manifest.sql` and the targets of
    `cxr_duck.datasets.examples.with_targets`, a row per (split, class, image), or per image where
    one may be of several classes; `columns` are those that were asked for beside the usual ones.
    `films` has each image of it once, by its id, where it has a file. `folder` is None where no
    folder of images is known. `labels` has a row per image, with a column of 0 and 1 for each
    finding of the classes; `record` is what the store knows of the dataset; `covariates` is how its
    classes and splits differ in what is no finding; `left_out` has the number of images that are
    not handed out, by reason; `without_window` that of the images that get the full range, where
    their DICOM window was asked for.
    """

    dataset: "Dataset"
    manifest: "pyarrow.Table"
    films: dict[str, Film]
    folder: ImageFolder | None
    labels: "pyarrow.Table"
    record: "Record"
    covariates: "Covariates"
    left_out: dict[str, int] = field(default_factory=dict)
    without_window: int = 0
    columns: tuple[str, ...] = ()
    unread: Sequence[Unread] = ()

    def without(self, unread: Sequence[Unread]) -> "Handout":
        """Return what is handed out where some images, or variants of theirs, can't be read."""
        if not unread:
            return self
        manifest = without_images(self.manifest, unread)
        lost = self.image_ids() - replace(self, manifest=manifest).image_ids()
        left_out = {**self.left_out, "could not be read": len(lost)}
        return replace(self, manifest=manifest, left_out=left_out, unread=unread)

    def image_ids(self) -> set[str]:
        """Return the images that are handed out, without their variants."""
        ids = self.manifest.column("image_id").to_pylist()
        if "parent" not in self.manifest.column_names:
            return set(ids)
        parents = self.manifest.column("parent").to_pylist()
        return {image for image, parent in zip(ids, parents, strict=True) if parent is None}

    def digest(self) -> str:
        """Return the digest of the members that are handed out: the record's where all are."""
        import pyarrow
        import pyarrow.compute

        if not self.left_out:
            return self.dataset.digest
        members = self.dataset.members
        here = pyarrow.array(sorted(self.image_ids()), pyarrow.string())
        engine = DuckDBEngine(connect())
        engine.connection.register(
            "dataset_members",
            members.filter(pyarrow.compute.is_in(members["image_id"], value_set=here)),
        )
        (row,) = engine.rows("digest")
        return str(row[0])

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of their indices."""
        return list(class_indices(self.dataset))

    @property
    def images(self) -> int:
        """The number of distinct images, variants too."""
        import pyarrow.compute

        return int(pyarrow.compute.count_distinct(self.manifest.column("image_id")).as_py())

    @property
    def multilabel(self) -> bool:
        """Whether an image is one example of all its classes."""
        return "labels" in self.manifest.column_names

    def request(self, options: ExportOptions, **more: Any) -> dict[str, Any]:
        """Return all that the files of an export depend on, as JSON can hold it."""
        return {
            "digest": self.dataset.digest,
            "seed": self.dataset.recipe.seed,
            "images": str(self.folder.root.absolute()) if self.folder else None,
            "options": asdict(options),
            "opencv": opencv() is not None,
            "version": __version__,
            **more,
        }


def without_images(table: "pyarrow.Table", unread: Sequence[Unread]) -> "pyarrow.Table":
    """Return a table of images without those that can't be read."""
    import pyarrow
    import pyarrow.compute

    lost = pyarrow.array([image.image_id for image in unread], pyarrow.string())
    stays = pyarrow.compute.invert(pyarrow.compute.is_in(table["image_id"], value_set=lost))
    return table.filter(stays)


def split_names(splits: Sequence[str]) -> dict[str, str]:
    """Return the name of each split for Hugging Face, which takes letters, digits and _ alone."""
    names = {split: re.sub(r"\W", "_", split) for split in splits}
    if reserved := [split for split, name in names.items() if name.lower() == "all"]:
        raise ExportError(
            f"the split {reserved[0]!r} can't be had in this form, where 'all' means every split: "
            "make the dataset with another name, or take another form"
        )
    for split, name in names.items():
        if same := [s for s, n in names.items() if s != split and n == name]:
            raise ExportError(
                f"the splits {split!r} and {same[0]!r} would both be {name!r} in this form, which "
                "takes letters, digits and _ alone: make the dataset with other names"
            )
    return names


def train_split(splits: Sequence[str]) -> str | None:
    """Return the split to train on: train, or else the first, None where that is one to test on."""
    if "train" in splits:
        return "train"
    return None if splits[0].lower() in _HELD_OUT else splits[0]
