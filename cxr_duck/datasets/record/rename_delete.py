"""Renames and deletes recorded datasets."""

import json

from cxr_duck.datasets.recipes.names import check_name
from cxr_duck.datasets.record.record import read_dataset
from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.engines.sql_text import identifier, quoted
from cxr_duck.errors import DatasetError
from cxr_duck.index.conditions import record_read
from cxr_duck.store.store import Store

__all__ = ["delete", "rename"]


# The keys of a recipe that name another dataset, and how a dataset was made by it.
_DEPENDING = {"keep_apart": "without its patients", "within": "of its images"}


def rename(store: Store, old: str, new: str) -> None:
    """Give a recorded dataset another name, in one publication of the store.

    Recipes that are kept apart from it or draw from it follow. Raises RecipeError where the new
    name is none, DatasetError where it is taken or the store has no dataset of the old one.
    """
    check_name("name", new)
    with store.publishing() as publication:
        digest = read_dataset(store, old).digest
        publication.discarded = old == new
        if publication.discarded:
            return
        engine = DuckDBEngine(publication.catalog)
        if engine.scalar("SELECT count(*) FROM experiments.dataset WHERE name = ?", new):
            raise DatasetError(f"the store has a dataset {new!r} already: choose another name")
        _refuse_named(engine, old, "renamed")
        _set_name(engine, old, new)
        _rename_in_recipes(engine, digest, old, new)


def delete(store: Store, name: str) -> int:
    """Delete the record of a dataset, and its experiment where that has no other.

    Returns the number of images that it held, which stay in the store. Raises DatasetError where
    there is none, or where another dataset depends on it.
    """
    with store.publishing() as publication:
        dataset = read_dataset(store, name)
        engine = DuckDBEngine(publication.catalog)
        for key, how in _DEPENDING.items():
            if dependent := [other for other, _ in _dependent(engine, key, dataset.digest)]:
                raise DatasetError(
                    f"{name} can't be deleted: {', '.join(dependent)} was made {how}, and could "
                    "not be made again; delete that first"
                )
        _refuse_named(engine, name, "deleted")
        for table, condition in reversed(_rows_of(engine)):
            engine.fetch(f"DELETE FROM {table} WHERE {condition}", name)
        engine.fetch(
            "DELETE FROM experiments.experiment "
            "WHERE experiment_id NOT IN (SELECT experiment_id FROM experiments.dataset)"
        )
    return dataset.images()


def _rows_of(engine: DuckDBEngine) -> list[tuple[str, str]]:
    """Return the tables with rows of a dataset, and the condition on its name that finds them.

    A table refers to another where it has the column that is the other's primary key; it stands
    behind that.
    """
    columns = engine.fetch(
        "SELECT columns.table_name, columns.column_name FROM duckdb_columns() AS columns "
        "SEMI JOIN duckdb_tables() AS tables USING (database_name, schema_name, table_name) "
        "WHERE columns.database_name = current_database() "
        "AND columns.schema_name = 'experiments' ORDER BY ALL"
    )
    keys = dict(
        engine.fetch(
            "SELECT table_name, constraint_column_names[1] FROM duckdb_constraints() "
            "WHERE database_name = current_database() AND schema_name = 'experiments' "
            "AND constraint_type = 'PRIMARY KEY' AND array_length(constraint_column_names) = 1"
        )
    )
    conditions = {"dataset": "name = ?"}
    open_tables = ["dataset"]
    while open_tables:
        table = open_tables.pop(0)
        key = keys.get(table)
        for other, column in columns:
            if column == key and other not in conditions:
                conditions[other] = (
                    f"{identifier(key)} IN (SELECT {identifier(key)} FROM {_qualified(table)} "
                    f"WHERE {conditions[table]})"
                )
                open_tables.append(other)
    return [(_qualified(table), condition) for table, condition in conditions.items()]


def _qualified(table: str) -> str:
    return f"experiments.{identifier(table)}"


def _set_name(engine: DuckDBEngine, old: str, new: str) -> None:
    """Change the name in the row of a dataset.

    DuckDB changes an indexed column by deleting the row, which it refuses while others refer to it:
    those are put aside meanwhile.
    """
    referring = _rows_of(engine)[1:]
    for number, (table, condition) in enumerate(referring):
        engine.fetch(
            f"CREATE TEMP TABLE aside_{number} AS SELECT * FROM {table} WHERE {condition}", old
        )
    for table, condition in reversed(referring):
        engine.fetch(f"DELETE FROM {table} WHERE {condition}", old)
    engine.fetch("UPDATE experiments.dataset SET name = ? WHERE name = ?", new, old)
    for number, (table, _) in enumerate(referring):
        engine.fetch(f"INSERT INTO {table} SELECT * FROM aside_{number}")


def _dependent(engine: DuckDBEngine, key: str, digest: str) -> list[tuple[str, str]]:
    """Return the name and recipe of each dataset that names one with a digest under a key."""
    return [
        (name, recipe)
        for name, recipe in engine.fetch(
            "SELECT name, recipe FROM experiments.dataset "
            "WHERE json_extract_string(recipe, ?) = ? ORDER BY dataset_id",
            f"$.{key}.digest",
            digest,
        )
    ]


def _refuse_named(engine: DuckDBEngine, name: str, what: str) -> None:
    """Raise DatasetError where the condition of another recipe reads a dataset by its name.

    No recipe is made so any more, but those of 0.6.0 and before may be.
    """
    for other, where in engine.fetch(
        "SELECT name, json_extract_string(recipe, '$.where') AS condition "
        "FROM experiments.dataset WHERE name <> ? AND contains(condition, ?) ORDER BY dataset_id",
        name,
        quoted(name),
    ):
        if record_read(engine, where) is not None:
            raise DatasetError(
                f"{name} can't be {what}: the condition of {other} reads it by that name, and "
                f"{other} could not be made again; delete that first"
            )


def _rename_in_recipes(engine: DuckDBEngine, digest: str, old: str, new: str) -> None:
    """Let the recipes that depend on a dataset know it by its new name."""
    for key in _DEPENDING:
        for name, text in _dependent(engine, key, digest):
            recipe = json.loads(text)
            if recipe[key].get("name") == old:
                recipe[key]["name"] = new
                engine.fetch(
                    "UPDATE experiments.dataset SET recipe = ? WHERE name = ?",
                    json.dumps(recipe, ensure_ascii=False),
                    name,
                )
