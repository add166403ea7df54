"""Datasets: made from a recipe by the stages of `sql/3_dataset`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_duck.balancing import Decisions, Exactness, balance, cells_by_number, deal_patients
from cxr_duck.engines.engine import Engine
from cxr_duck.errors import DatasetError
from cxr_duck.members import make_members
from cxr_duck.nearness import exactness_of
from cxr_duck.recipe import Recipe
from cxr_duck.sizes import select_size
from cxr_duck.store import Store
from cxr_duck.terms import Hierarchy

if TYPE_CHECKING:
    import polars
    import pyarrow

    from cxr_duck.covariates import Covariates
    from cxr_duck.images.torch_images import TorchImages

__all__ = ["Dataset", "composition_of", "composition_rows", "make_dataset", "make_dataset_on"]


@dataclass(frozen=True)
class Dataset:
    """A dataset: its recipe, its members and the digest over them.

    `composition` has the number of distinct images for each (class, finding, split); the finding ''
    stands for the class as a whole. `removals` has, for each (class, filter), the images that the
    filter took out when the dataset was made, and as `kept` those that are in; `notes` are
    sentences on the images that came under rules about classes and patients. `publication` is the
    state of the store that it was made from, `own_hierarchy` a user's own that expanded its terms,
    where the store may not have it yet. `members` has the columns class, finding, image_id,
    patient_id and split, one row per (class, finding, image), ordered by the first three.
    `decisions` are those that it was made by. `removed` of its images were removed from the store
    since it was recorded, and of `damaged` the files were found damaged. `store` and
    `images_folder` are those of the ExperimentData that it came from; a dataset that came from none
    has no store.
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

    def covariates(self) -> "Covariates":
        """Return how classes and splits differ in age, sex, projection and the like.

        Beside each difference stands the one that chance gives, and beside them how well a class is
        guessed without a pixel. Raises DatasetError for a dataset that came from no ExperimentData.
        """
        from cxr_duck.covariates import covariates_of

        if self.store is None:
            raise DatasetError("this dataset knows no store: take it from an ExperimentData")
        return covariates_of(self.store, self)

    def torch(self, split: str, *, transform: Callable[[Any], Any] | None = None) -> "TorchImages":
        """Return a split as a map-style `torch.utils.data.Dataset` of (image, class index).

        An image is a float tensor of 1 x rows x columns from 0 to 1, or what `transform` makes of
        it, such as `torch.nn.AdaptiveAvgPool2d(224)`. Images are opened when they are asked for,
        from folders and zips alike; several workers may. One of several classes is an example of
        each. Raises DatasetError for an unknown split, ImagesError where no images are known, and
        CxrError where PyTorch is missing.
        """
        from cxr_duck.images.torch_split import torch_split

        return torch_split(self, split, transform)


def make_dataset(
    store: Store,
    recipe: Recipe,
    name: str,
    own_hierarchy: Hierarchy | None = None,
    decided: Decisions | None = None,
) -> Dataset:
    """Make a dataset from a recipe and record nothing; RecipeError where it can't be met.

    What was `decided` when it was first made is taken instead of deciding again.
    """
    return make_dataset_on(store.engine(), recipe, name, own_hierarchy, decided)


def make_dataset_on(
    engine: Engine,
    recipe: Recipe,
    name: str,
    own_hierarchy: Hierarchy | None = None,
    decided: Decisions | None = None,
) -> Dataset:
    """Make a dataset and leave the relations of `sql/3_dataset` on the engine to look at."""
    make_members(engine, recipe)
    engine.gather("cells")
    allocation, exactness = deal_patients(engine, recipe, decided)
    engine.make("unit_kinds")
    quotas = balance(engine, recipe, decided)
    select_size(engine, recipe, quotas, cells_by_number(engine))
    engine.make("dataset_members")
    ((publication, label_file_sha256),) = engine.fetch(
        "SELECT publication, label_file_sha256 FROM publications ORDER BY publication DESC LIMIT 1"
    )
    return Dataset(
        name=name,
        recipe=recipe,
        digest=str(engine.rows("digest")[0][0]),
        composition=composition_of(engine),
        members=engine.query("SELECT * FROM dataset_members ORDER BY class, finding, image_id"),
        publication=publication,
        label_file_sha256=label_file_sha256,
        own_hierarchy=own_hierarchy,
        decisions=Decisions(allocation, quotas, exactness_of(engine, recipe, exactness)),
        notes=_notes(engine, recipe),
        removals={(term, rule): n for term, rule, n in engine.rows("removals")},
    )


def composition_of(engine: Engine) -> dict[tuple[str, str, str], int]:
    """Return the images a (class, finding, split) of the relation dataset_members."""
    return {
        (term, finding, split): int(images)
        for term, finding, split, images in engine.rows("composition")
    }


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


_OVERLAPPING = {
    "drop": "and are left out",
    "first": "and count for the first of them",
    "keep": "and stay in all of them",
}
_LEFT_OUT = {
    "date": "have no date, or one on the other side of most of their patient's, and are left out",
    "apart": "are of patients whom no split may take, and are left out",
    "match": "find no partner of their values in every class, and are left out",
    "per_patient": "are beyond the number of a patient and class, and are left out",
}


def _notes(engine: Engine, recipe: Recipe) -> list[str]:
    """Return a sentence for each rule about classes and patients that images came under."""
    several = engine.scalar(
        "SELECT count(DISTINCT image_id) FROM candidates SEMI JOIN unit_classes USING (unit_id)"
    )
    whose = "" if recipe.unit == "image" else f"are of {recipe.units} that "
    belong = f"{whose}belong to more than one class {_OVERLAPPING[recipe.overlap]}"
    found = [(several, belong)] if several else []
    left_out = engine.fetch(
        "SELECT count(*), reason FROM left_out_images GROUP BY reason ORDER BY reason"
    )
    found += [(images, _LEFT_OUT[reason]) for images, reason in left_out]
    return [f"{images:,} images {what}" for images, what in found]
