"""Datasets: made from a recipe by the stages of `sql/3_dataset`."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.errors import RecipeError
from cxr_duck.members import make_members
from cxr_duck.recipe import Recipe
from cxr_duck.store import Store
from cxr_duck.terms import Hierarchy

if TYPE_CHECKING:
    import polars
    import pyarrow

__all__ = ["Dataset", "composition_of", "make_dataset", "make_dataset_on"]


@dataclass(frozen=True)
class Dataset:
    """A dataset: its recipe, its members and the digest over them.

    `composition` has the number of distinct images for each (class, finding, split); the finding ''
    stands for the class as a whole. `publication` is the state of the store that it was made from,
    `own_hierarchy` a user's own that expanded its terms, where the store may not have it yet.
    `members` has the columns class, finding, image_id, patient_id
    and split, one row per (class, finding, image), ordered by the first three. `removed` of its
    images were removed from the store since it was recorded.
    """

    name: str
    recipe: Recipe
    digest: str
    composition: dict[tuple[str, str, str], int] = field(repr=False)
    members: "pyarrow.Table" = field(repr=False)
    publication: int
    label_file_sha256: str
    overlaps: int = 0
    removed: int = 0
    own_hierarchy: Hierarchy | None = None

    def polars(self) -> "polars.DataFrame":
        """Return the members as a polars DataFrame."""
        import polars

        frame = polars.from_arrow(self.members)
        assert isinstance(frame, polars.DataFrame)
        return frame

    def images(self, split: str | None = None) -> int:
        """Return the number of images of a split, or of all of them."""
        return sum(
            count
            for (_, finding, part), count in self.composition.items()
            if not finding and split in (None, part)
        )


def make_dataset(
    store: Store, recipe: Recipe, name: str, own_hierarchy: Hierarchy | None = None
) -> Dataset:
    """Make a dataset from a recipe and record nothing; RecipeError where it can't be met."""
    return make_dataset_on(DuckDBEngine(store.cursor()), recipe, name, own_hierarchy)


def make_dataset_on(
    engine: DuckDBEngine, recipe: Recipe, name: str, own_hierarchy: Hierarchy | None = None
) -> Dataset:
    """Make a dataset and leave the relations of `sql/3_dataset` on the engine to look at."""
    make_members(engine, recipe)
    for name_of_stage in ("patient_cells", "signatures"):
        engine.make(name_of_stage)
    _allocate(engine, recipe)
    engine.make("splits", seed=recipe.seed)
    _set_targets(engine, recipe)
    engine.make("selection", seed=recipe.seed)
    engine.make("dataset_members")
    ((publication, label_file_sha256),) = engine.fetch(
        "SELECT publication, label_file_sha256 FROM publications ORDER BY publication DESC LIMIT 1"
    )
    return Dataset(
        name=name,
        recipe=recipe,
        digest=str(engine.rows("digest")[0][0]),
        composition=composition_of(engine),
        members=engine.arrow_of("dataset_members"),
        publication=publication,
        label_file_sha256=label_file_sha256,
        own_hierarchy=own_hierarchy,
        overlaps=int(engine.scalar("SELECT count(*) FROM shared_images")),
    )


def _allocate(engine: DuckDBEngine, recipe: Recipe) -> None:
    """Make allocation: how many patients of each signature go to each split."""
    from cxr_duck.allocation import Signature, allocate

    texts: list[str] = []
    signatures: list[Signature] = []
    for text, patients, term, finding, images in engine.rows("signature_cells"):
        if not texts or texts[-1] != text:
            texts.append(text)
            signatures.append(Signature(patients, {}))
        signatures[-1].images[term, finding] = images
    allocated = allocate(signatures, list(recipe.shares.values()))
    engine.put(
        "allocation",
        "signature VARCHAR, position INTEGER, split VARCHAR, patients BIGINT",
        [
            (text, position, split, count)
            for text, counts in zip(texts, allocated, strict=True)
            for position, (split, count) in enumerate(zip(recipe.shares, counts, strict=True))
        ],
    )


def _set_targets(engine: DuckDBEngine, recipe: Recipe) -> None:
    """Make targets: images a class and split, the most for which every class has enough."""
    from cxr_duck.allocation import rounded_shares

    available = engine.fetch(
        "SELECT class, split, count(DISTINCT image_id) FROM members "
        "INNER JOIN splits USING (patient_id) GROUP BY ALL"
    )
    got = {(term, split): int(count) for term, split, count in available}
    shares = list(recipe.shares.values())
    least = [min(got.get((term, s), 0) for term in recipe.classes) for s in recipe.shares]
    total = sum(least)
    while any(a > b for a, b in zip(rounded_shares(total, shares), least, strict=True)):
        total -= 1
    targets = rounded_shares(total, shares)
    if not all(targets):
        told = "; ".join(
            f"{term}: " + ", ".join(f"{got.get((term, s), 0):,} {s}" for s in recipe.shares)
            for term in recipe.classes
        )
        raise RecipeError(
            "the classes have too few patients to fill every split with the same number of images "
            f"({told}): take broader terms or fewer conditions"
        )
    engine.put(
        "targets",
        "split VARCHAR, images BIGINT",
        list(zip(recipe.shares, targets, strict=True)),
    )


def composition_of(engine: DuckDBEngine) -> dict[tuple[str, str, str], int]:
    """Return the images a (class, finding, split) of the relation dataset_members."""
    return {
        (term, finding, split): int(images)
        for term, finding, split, images in engine.rows("composition")
    }
