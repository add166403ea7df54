"""The images of a recipe's classes, before they are balanced and split."""

import re
from collections.abc import Mapping

import duckdb

from cxr_duck.engines.duckdb import DuckDBEngine, failing_as, first_line
from cxr_duck.errors import QueryError, RecipeError
from cxr_duck.left_out import leave_out
from cxr_duck.query.compile import compile_query
from cxr_duck.query.fields import Fields
from cxr_duck.query.tree import Shown, from_plain
from cxr_duck.recipe import Recipe
from cxr_duck.ties import make_patient_ties, refuse_unseen_images

__all__ = ["choose_images", "make_members"]

# Functions whose result depends on the order in which rows happen to come.
_ORDER_OF_ROWS = {
    "any_value", "arbitrary", "array_agg", "first", "first_value", "group_concat", "last",
    "last_value", "lag", "lead", "list", "listagg", "nth_value", "ntile", "row_number",
    "string_agg",
}  # fmt: skip
_CLAIMED = {
    "drop": "are in no other class",
    "first": "are in no class before it",
    "keep": "are in the class",
}


def make_members(engine: DuckDBEngine, recipe: Recipe) -> None:
    """Make members: one row per (class, finding, image) that the recipe holds for.

    Raises RecipeError where classes are the same or one is left without images.
    """
    choose_images(engine, recipe.where)
    _put_images(engine, recipe)
    engine.put(
        "class_findings",
        "class VARCHAR, finding VARCHAR",
        [(term, finding) for term, findings in recipe.classes.items() for finding in findings],
    )
    _refuse_same_classes(engine)
    make_patient_ties(engine, recipe)
    engine.make("cohort", pure=recipe.pure, unit=recipe.unit)
    _put_order(engine, "class_order", "class", recipe.classes)
    _put_order(engine, "split_order", "split", recipe.shares)
    engine.make("candidates")
    refuse_unseen_images(engine, recipe)
    engine.make("unit_classes")
    engine.make("claims", overlap=recipe.overlap)
    leave_out(engine, recipe)
    engine.make("members")
    _refuse_empty_classes(engine, recipe)


def _put_order(
    engine: DuckDBEngine, relation: str, column: str, names: Mapping[str, object]
) -> None:
    rows = [(name, position) for position, name in enumerate(names)]
    engine.put(relation, f"{column} VARCHAR, position INTEGER", rows)


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
    if '"error_type":"not implemented"' in tree:
        raise QueryError(
            f"the condition {condition!r} can't be looked through for chance: "
            "it takes comparisons, functions and plain subqueries"
        )
    if re.search(r'"sample":\{|"type":"LIMIT_MODIFIER"', tree):
        raise QueryError(
            f"the condition {condition!r} takes some rows of a subquery, SAMPLE or LIMIT, which "
            "may be others another time: it must choose the same images again"
        )
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
    fickle += [(name,) for name in sorted(called & _ORDER_OF_ROWS)]
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
    claimed = _counts(engine, counts.format("claims"))
    indexed = _counts(engine, counts.format("class_images"))
    told = "; ".join(
        f"{term}: {indexed.get(term, 0):,} images in the index, {chosen.get(term, 0):,} of them "
        f"meet the conditions, {claimed.get(term, 0):,} of those {_CLAIMED[recipe.overlap]}"
        + (f", {kept.get(term, 0):,} of those have their place" if kept != claimed else "")
        for term in recipe.classes
    )
    raise RecipeError(f"a class of this dataset has no images of its own ({told})")


def _counts(engine: DuckDBEngine, query: str) -> dict[str, int]:
    return {key: int(count) for key, count in engine.fetch(query)}
