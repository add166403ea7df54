"""Datasets: made from a recipe by the stages of `sql/3_dataset`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import duckdb

from cxr_duck.engines.duckdb import DuckDBEngine, first_line
from cxr_duck.errors import QueryError, RecipeError, UnknownTermError
from cxr_duck.recipe import Recipe
from cxr_duck.store import Store

if TYPE_CHECKING:
    import polars
    import pyarrow

__all__ = ["Dataset", "check_term", "composition_of", "make_dataset", "resolve"]


@dataclass(frozen=True)
class Dataset:
    """A dataset: its recipe, its members and the digest over them.

    `composition` has the number of distinct images for each (class, finding, split); the finding ''
    stands for the class as a whole. `publication` is the state of the store that it was made from.
    `members` has the columns class, finding, image_id, patient_id
    and split, one row per (class, finding, image), ordered by the first three.
    """

    name: str
    recipe: Recipe
    digest: str
    composition: dict[tuple[str, str, str], int] = field(repr=False)
    members: "pyarrow.Table" = field(repr=False)
    publication: int
    overlaps: int = 0

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


def resolve(engine: DuckDBEngine, terms: Sequence[str], hierarchy: str) -> dict[str, list[str]]:
    """Return the findings of the index at or below each term.

    A finding that the hierarchy lacks stands for itself; UnknownTermError names any other term.
    """
    for term in terms:
        if not engine.scalar("SELECT count(*) FROM postings WHERE finding = ?", term):
            check_term(engine, term, hierarchy)
    engine.put("class_terms", "class VARCHAR, term VARCHAR", [(term, term) for term in terms])
    engine.make("class_findings", hierarchy=hierarchy)
    found: dict[str, list[str]] = {term: [] for term in terms}
    for term, finding in engine.connection.execute(
        "SELECT class, finding FROM class_findings ORDER BY class, finding"
    ).fetchall():
        found[term].append(finding)
    return found


def check_term(engine: DuckDBEngine, term: str, hierarchy: str) -> None:
    """Raise UnknownTermError, with the nearest terms, where a hierarchy lacks a term."""
    if engine.scalar(
        "SELECT count(*) FROM terms WHERE hierarchy = ? AND term = ?", hierarchy, term
    ):
        return
    nearest = [near for (near,) in engine.rows("nearest_terms", word=term, hierarchy=hierarchy)]
    hint = (
        f"did you mean {', '.join(nearest)}?"
        if nearest
        else f"'cxr terms --hierarchy {hierarchy}' shows its terms"
    )
    raise UnknownTermError(f"the hierarchy {hierarchy} has no term {term!r}: {hint}")


def make_dataset(store: Store, recipe: Recipe, name: str) -> Dataset:
    """Make a dataset from a recipe and record nothing; RecipeError where it can't be met."""
    engine = DuckDBEngine(store.cursor())
    _choose_images(engine, recipe.where)
    engine.put("excluded_findings", "finding VARCHAR", [(term,) for term in recipe.excluded])
    engine.put(
        "class_findings",
        "class VARCHAR, finding VARCHAR",
        [(term, finding) for term, findings in recipe.classes.items() for finding in findings],
    )
    engine.make("cohort", pure=recipe.pure)
    for name_of_stage in ("candidates", "shared_images", "members"):
        engine.make(name_of_stage)
    _refuse_empty_classes(engine, recipe)
    for name_of_stage in ("patient_cells", "signatures"):
        engine.make(name_of_stage)
    _allocate(engine, recipe)
    engine.make("splits", seed=recipe.seed)
    _set_targets(engine, recipe)
    engine.make("selection", seed=recipe.seed)
    engine.make("dataset_members")
    return Dataset(
        name=name,
        recipe=recipe,
        digest=str(engine.rows("digest")[0][0]),
        composition=composition_of(engine),
        members=engine.arrow_of("dataset_members"),
        publication=int(engine.scalar("SELECT max(publication) FROM publications")),
        overlaps=int(engine.scalar("SELECT count(*) FROM shared_images")),
    )


def _choose_images(engine: DuckDBEngine, where: str | None) -> None:
    """Make chosen_images: the ids of the images that meet a user's condition."""
    query = f"SELECT image_id FROM images WHERE (\n{where or 'TRUE'}\n)"
    try:
        statements = engine.connection.extract_statements(query)
        if len(statements) != 1 or "SELECT" not in str(statements[0].type):
            raise QueryError(f"--where takes one condition on the columns of images, not: {where}")
        engine.connection.execute(f"CREATE OR REPLACE TEMP TABLE chosen_images AS {query}")
    except duckdb.Error as error:
        raise QueryError(f"--where {where!r} can't be evaluated: {first_line(error)}") from error


def _refuse_empty_classes(engine: DuckDBEngine, recipe: Recipe) -> None:
    counts = _counts(engine, "SELECT class, count(DISTINCT image_id) FROM members GROUP BY class")
    candidates = _counts(
        engine, "SELECT class, count(DISTINCT image_id) FROM candidates GROUP BY class"
    )
    if all(counts.get(term) for term in recipe.classes):
        return
    told = "; ".join(
        f"{term}: {candidates.get(term, 0):,} images, of which {counts.get(term, 0):,} are in no "
        "other class"
        for term in recipe.classes
    )
    raise RecipeError(f"a class of this dataset has no images of its own ({told})")


def _counts(engine: DuckDBEngine, query: str) -> dict[str, int]:
    return {key: int(count) for key, count in engine.connection.execute(query).fetchall()}


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

    available = engine.connection.execute(
        "SELECT class, split, count(DISTINCT image_id) FROM members "
        "INNER JOIN splits USING (patient_id) GROUP BY ALL"
    ).fetchall()
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
            f"({told}): take broader terms, or leave out --pure or --where"
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
