"""The findings that each class of an audited split means, to compare with the store's labels."""

from collections.abc import Mapping, Sequence

from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.engines.duckdb import DuckDBEngine, translating_stage_errors
from cxr_duck.errors import AuditError
from cxr_duck.query.compile import compile_query
from cxr_duck.query.fields import Fields
from cxr_duck.query.resolve import resolve_query
from cxr_duck.query.tree import Resolved, Shown, from_plain
from cxr_duck.terms.lookup import findings_below

__all__ = ["make_class_images", "meanings_of_names", "meanings_of_recipe"]


def meanings_of_recipe(recipe: Recipe) -> dict[str, Resolved]:
    """Return what each class of a recorded dataset holds for, as its recipe resolved it."""
    return {
        name: from_plain(recipe.trees[recipe.queries[name]])
        if name in recipe.queries
        else Shown(tuple(findings))
        for name, findings in recipe.classes.items()
    }


def meanings_of_names(
    engine: DuckDBEngine, queries: Mapping[str, str], hierarchy: str
) -> tuple[dict[str, Resolved], list[str]]:
    """Return what the classes of a CSV file hold for, and the names that mean nothing here.

    `queries` come first; else a name is a term of the hierarchy or a finding of the index. Raises
    AuditError for a query of a class that the file doesn't have.
    """
    names = _classes(engine)
    for name in queries:
        if name not in names:
            told = ", ".join(names[:8]) or "none"
            raise AuditError(f"no row is of the class {name!r}; the classes are {told}")
    meanings = {name: resolve_query(engine, query, hierarchy) for name, query in queries.items()}
    terms = [name for name in _terms(engine, hierarchy) if name not in queries]
    for name, findings in findings_below(engine, terms, hierarchy).items():
        meanings[name] = Shown(tuple(findings))
    return meanings, [name for name in names if name not in meanings]


def make_class_images(engine: DuckDBEngine, meanings: Mapping[str, Resolved]) -> None:
    """Make checked_classes, and class_images: the images that each of them holds for."""
    columns = Fields(engine).columns
    engine.put("checked_classes", "class VARCHAR", [(name,) for name in meanings])
    engine.put("class_images", "class VARCHAR, image_id VARCHAR", [])
    for name, tree in meanings.items():
        if isinstance(tree, Shown) and not tree.findings:
            continue  # a term below which no image has a finding
        found = compile_query(tree, columns)
        with translating_stage_errors(f"the class {name}"):
            engine.connection.execute(
                f"INSERT INTO class_images SELECT $class, image_id FROM (\n{found.sql}\n)",
                {**found.params, "class": name},
            )


def _classes(engine: DuckDBEngine) -> Sequence[str]:
    rows = engine.fetch(
        "SELECT DISTINCT class FROM csv_split WHERE class IS NOT NULL ORDER BY class"
    )
    return [name for (name,) in rows]


def _terms(engine: DuckDBEngine, hierarchy: str) -> Sequence[str]:
    """Return the classes that are terms of the hierarchy or findings of the index."""
    rows = engine.fetch(
        "SELECT DISTINCT class FROM csv_split WHERE class IN (SELECT finding FROM postings) "
        "OR class IN (SELECT term FROM terms WHERE hierarchy = ?) ORDER BY class",
        hierarchy,
    )
    return [name for (name,) in rows]
