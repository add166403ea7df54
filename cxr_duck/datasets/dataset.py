"""Dataset: its recipe, its members and the digest over them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_duck.datasets.allocation.decisions import Decisions, Exactness
from cxr_duck.datasets.allocation.rounding import largest_remainder
from cxr_duck.datasets.covariates.covariates import Covariates, covariates_of
from cxr_duck.datasets.film_values import FilmValues
from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.errors import DatasetError
from cxr_duck.store.store import Store
from cxr_duck.terms.hierarchy import Hierarchy

if TYPE_CHECKING:
    import polars
    import pyarrow

    from cxr_duck.datasets.torch_images import TorchImages

__all__ = ["Dataset", "composition_rows"]

SplitReader = Callable[
    ["Dataset", str, "Callable[[Any], Any] | None", "str | None", FilmValues], "TorchImages"
]


@dataclass(frozen=True)
class Dataset:
    """A dataset: its recipe, its members and the digest over them.

    `composition` has the number of distinct images for each (class, finding, split); the finding ''
    stands for the class as a whole. `removals` has, for each (class, filter), the images that the
    filter took out when the dataset was made, each at the first filter that takes it, and as `kept`
    those that are in (`cxr_duck.datasets.filters` has their order); `notes` are sentences on the
    images that came under rules about classes and patients. `publication` is the state of the store
    that it was made from, `own_hierarchy` a user's own that expanded its terms, where the store may
    not have it yet. `members` has the columns class, finding, image_id, patient_id and split, one
    row per (class, finding, image), ordered by the first three.
    `decisions` are those that it was made by. `removed` of its images were removed from the store
    since it was recorded, and of `damaged` the files were found damaged. `store`,
    `images_folder` and `split_reader`, which opens the images of a split for PyTorch, are those of
    the ExperimentData that it came from; a dataset that came from none has no store.
    """

    name: str
    recipe: Recipe
    digest: str
    composition: dict[tuple[str, str, str], int] = field(repr=False)
    members: "pyarrow.Table" = field(repr=False)
    publication: int
    label_file_sha256: str
    decisions: Decisions = field(default_factory=Decisions, repr=False)
    removals: dict[tuple[str, str], int] = field(default_factory=dict, repr=False)
    notes: list[str] = field(default_factory=list, repr=False)
    removed: int = 0
    damaged: int = 0
    own_hierarchy: Hierarchy | None = None
    store: Store | None = field(default=None, repr=False, compare=False)
    images_folder: Path | None = field(default=None, repr=False, compare=False)
    split_reader: "SplitReader | None" = field(default=None, repr=False, compare=False)

    @property
    def exactness(self) -> Exactness:
        """How near the dataset comes to what its recipe asks."""
        return self.decisions.exactness

    def polars(self) -> "polars.DataFrame":
        """Return the members as a polars DataFrame."""
        import polars

        frame = polars.from_arrow(self.members)
        assert isinstance(frame, polars.DataFrame)
        return frame

    def images(self, split: str | None = None) -> int:
        """Return the number of images of a split, or of all of them."""
        import pyarrow.compute

        members = self.members
        if split is not None:
            members = members.filter(pyarrow.compute.equal(members["split"], split))
        return int(pyarrow.compute.count_distinct(members["image_id"]).as_py())

    def wanted(self) -> list[list[float]]:
        """Return the images of each split by its share, a list per row of `composition_rows`.

        For a class these are whole numbers; a finding has the share of its class. Where the recipe
        has dates or sizes by split in place of shares, they decide for a class too.
        """
        return [self._wanted_of(term, numbers) for _, term, numbers in composition_rows(self)]

    def _wanted_of(self, term: str, numbers: list[int]) -> list[float]:
        whole = self._images_of(term)
        parted = self.recipe.by_date or self.recipe.size.keys() - {""}
        if numbers == whole and not parted:
            return [*largest_remainder(sum(whole), list(self.recipe.shares.values()))]
        return [sum(numbers) * part / sum(whole) for part in whole]

    def _images_of(self, term: str) -> list[int]:
        """Return the images of a class in each split."""
        return [self.composition.get((term, "", split), 0) for split in self.recipe.shares]

    def furthest_class(self) -> int | None:
        """Return the most images that a split of a class is from its share, of all of them.

        None where the recipe doesn't ask for shares of images: dates, sizes by split, other units.
        """
        recipe = self.recipe
        if recipe.by_date or recipe.unit != "image" or recipe.size.keys() - {""}:
            return None
        away = 0
        for term in recipe.classes:
            got = self._images_of(term)
            wanted = largest_remainder(sum(got), list(recipe.shares.values()))
            away = max(away, *(abs(a - b) for a, b in zip(got, wanted, strict=True)))
        return away

    def covariates(self) -> Covariates:
        """Return how classes and splits differ in age, sex, projection and the like.

        Beside each difference stands the one that chance gives, and beside them how well a class is
        guessed without a pixel. Raises DatasetError for a dataset that came from no ExperimentData.
        """
        if self.store is None:
            raise DatasetError("this dataset knows no store: take it from an ExperimentData")
        return covariates_of(self.store, self.recipe, self.members)

    def torch(
        self,
        split: str,
        *,
        transform: Callable[[Any], Any] | None = None,
        target: str | None = None,
        size: int | None = None,
        fit: str | None = None,
        invert_monochrome1: bool = False,
    ) -> "TorchImages":
        """Return a split as a map-style `torch.utils.data.Dataset` of (image, target).

        An image is a float tensor of 1 x rows x columns from 0 to 1, or what `transform` makes of
        it. Black and white are those of the bits that the DICOM file or the label file says are
        used: `images.pixels.scaling.limits_of`. `size` is the most pixels of the longer side, or
        with a `fit` (pad, crop or stretch) the rows and columns of all images, so that they stack
        to batches. Images are opened when they are asked for, from folders and zips alike; several
        workers may. For one that can't be read another of its target stands in, with a warning:
        `TorchImages.unread`. With `target="class"` the target is the
        index of the class, and an image of several classes is an example of each. With
        `target="multilabel"` each image is one example, and its target a float tensor (classes,)
        with a 1 for each class that it is of; so it is, unless asked otherwise, where the recipe
        keeps images of several classes. Raises DatasetError for an unknown split or target,
        ImagesError where no images are known, or for a size or fit that is none, and CxrError where
        PyTorch is missing.
        """
        if self.split_reader is None:
            raise DatasetError("only a dataset of an ExperimentData knows where its images are")
        values = FilmValues(size, fit, invert_monochrome1)
        return self.split_reader(self, split, transform, target, values)


def composition_rows(dataset: Dataset) -> list[tuple[str, str, list[int]]]:
    """Return a label, the class and the images a split, for each class and each of its findings."""
    splits = list(dataset.recipe.shares)
    counts = dataset.composition
    rows = []
    for term in dataset.recipe.classes:
        findings = sorted({f for t, f, _ in counts if t == term and f not in ("", term)})
        own = any(f == term for t, f, _ in counts if t == term)
        for label, finding in [
            (term, ""),
            *([(f"  {term}", term)] if own and findings else []),
            *((f"  {f}", f) for f in findings),
        ]:
            numbers = [counts.get((term, finding, split), 0) for split in splits]
            rows.append((label, term, numbers))
    return rows
