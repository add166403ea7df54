"""Datasets: made from a recipe by the stages of `sql/3_dataset`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import duckdb

from cxr_duck.engines.duckdb import DuckDBEngine, failing_as, first_line
from cxr_duck.errors import QueryError, RecipeError, UnknownTermError
from cxr_duck.query.compile import compile_query
from cxr_duck.query.fields import Fields
from cxr_duck.query.tree import Shown, from_plain
from cxr_duck.recipe import Recipe
from cxr_duck.store import Store
from cxr_duck.terms import Hierarchy

if TYPE_CHECKING:
    import polars
    import pyarrow

__all__ = [
    "Dataset",
    "check_term",
    "choose_images",
    "composition_of",
    "findings_below",
    "make_dataset",
    "make_dataset_on",
]


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


def findings_below(
    engine: DuckDBEngine, terms: Sequence[str], hierarchy: str
) -> dict[str, list[str]]:
    """Return the findings of the index at or below each term.

    A finding that the hierarchy lacks stands for itself; UnknownTermError names any other term.
    """
    for term in terms:
        if not engine.scalar("SELECT count(*) FROM postings WHERE finding = ?", term):
            check_term(engine, term, hierarchy)
    engine.put("class_terms", "class VARCHAR, term VARCHAR", [(term, term) for term in terms])
    engine.make("class_findings", hierarchy=hierarchy)
    found: dict[str, list[str]] = {term: [] for term in terms}
    for term, finding in engine.fetch(
        "SELECT class, finding FROM class_findings ORDER BY class, finding"
    ):
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


def make_dataset(
    store: Store, recipe: Recipe, name: str, own_hierarchy: Hierarchy | None = None
) -> Dataset:
    """Make a dataset from a recipe and record nothing; RecipeError where it can't be met."""
    return make_dataset_on(DuckDBEngine(store.cursor()), recipe, name, own_hierarchy)


def make_dataset_on(
    engine: DuckDBEngine, recipe: Recipe, name: str, own_hierarchy: Hierarchy | None = None
) -> Dataset:
    """Make a dataset and leave the relations of `sql/3_dataset` on the engine to look at."""
    choose_images(engine, recipe.where)
    _put_images(engine, recipe)
    engine.put(
        "class_findings",
        "class VARCHAR, finding VARCHAR",
        [(term, finding) for term, findings in recipe.classes.items() for finding in findings],
    )
    _refuse_same_classes(engine)
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


def _put_images(engine: DuckDBEngine, recipe: Recipe) -> None:
    """Make class_images, (class, image_id), and excluded_images, as terms and queries say it."""
    trees = {text: from_plain(plain) for text, plain in recipe.trees.items()}
    columns = Fields(engine).columns
    engine.put("class_images", "class VARCHAR, image_id VARCHAR", [])
    for name, findings in recipe.classes.items():
        query = recipe.queries.get(name)
        tree = trees[query] if query is not None else Shown(tuple(findings))
        found = compile_query(tree, columns)
        with failing_as(f"the class {name}"):
            engine.connection.execute(
                f"INSERT INTO class_images SELECT $class, image_id FROM (\n{found.sql}\n)",
                {**found.params, "class": name},
            )
    excluded = [trees[text] for text in recipe.exclude if text in trees]
    if recipe.excluded:
        excluded.append(Shown(tuple(recipe.excluded)))
    engine.put("excluded_images", "image_id VARCHAR", [])
    for tree in excluded:
        found = compile_query(tree, columns)
        with failing_as("an exclusion"):
            engine.connection.execute(f"INSERT INTO excluded_images {found.sql}", found.params)


def _refuse_same_classes(engine: DuckDBEngine) -> None:
    """Raise RecipeError where two classes hold the same images."""
    for name, other in engine.rows("same_images"):
        raise RecipeError(
            f"the classes {name!r} and {other!r} have the same images: leave one of them out"
        )


def choose_images(engine: DuckDBEngine, where: str | None) -> None:
    """Make chosen_images: the ids of the images that meet a user's condition."""
    if where is not None and not where.strip():
        raise QueryError("the condition is empty: say which images, such as frontal or age >= 18")
    condition = where if where is not None else "TRUE"
    query = f"SELECT image_id FROM images WHERE (\n{condition}\n)"
    try:
        # As it stands and within brackets: both are one query only where it is one condition.
        for text in (f"SELECT image_id FROM images WHERE {condition}\n", query):
            if len(engine.connection.extract_statements(text)) != 1:
                raise QueryError(f"this is not one condition on the columns of images: {where}")
        _refuse_chance(engine, condition)
        engine.connection.execute(f"CREATE OR REPLACE TEMP TABLE chosen_images AS {query}")
    except duckdb.Error as error:
        raise QueryError(
            f"the condition {where!r} can't be evaluated ({first_line(error)}): "
            "it speaks of the columns of images, with text in single quotes"
        ) from error


def _refuse_chance(engine: DuckDBEngine, condition: str) -> None:
    """Raise QueryError where a condition would not choose the same images again."""
    tree = engine.connection.execute(
        "SELECT json_serialize_sql($query)", {"query": f"SELECT 1 WHERE {condition}\n"}
    ).fetchall()[0][0]
    # A function without brackets, such as current_date, reads as a column.
    columns = {name for (name,) in engine.fetch("SELECT column_name FROM (DESCRIBE images)")}
    called = set(re.findall(r'"function_name":"([^"]+)"', tree))
    called |= set(re.findall(r'"column_names":\["([^"]+)"\]', tree)) - columns
    fickle = engine.fetch(
        "SELECT DISTINCT function_name FROM duckdb_functions() "
        "WHERE stability <> 'CONSISTENT' AND list_contains(?, function_name) "
        "AND function_type = 'scalar' ORDER BY ALL",
        sorted(called),
    )
    if fickle:
        raise QueryError(
            f"the condition calls {fickle[0][0]}(), which differs from time to time: "
            "it must choose the same images again"
        )


def _refuse_empty_classes(engine: DuckDBEngine, recipe: Recipe) -> None:
    counts = "SELECT class, count(DISTINCT image_id) FROM {} GROUP BY class"
    kept = _counts(engine, counts.format("members"))
    if all(kept.get(term) for term in recipe.classes):
        return
    chosen = _counts(engine, counts.format("candidates"))
    indexed = _counts(engine, counts.format("class_images"))
    told = "; ".join(
        f"{term}: {indexed.get(term, 0):,} images in the index, {chosen.get(term, 0):,} of them "
        f"meet the conditions, {kept.get(term, 0):,} of those are in no other class"
        for term in recipe.classes
    )
    raise RecipeError(f"a class of this dataset has no images of its own ({told})")


def _counts(engine: DuckDBEngine, query: str) -> dict[str, int]:
    return {key: int(count) for key, count in engine.fetch(query)}


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
