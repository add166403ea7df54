"""The table of a store's relations: none is missing, each says what becomes of it."""

from cxr_duck import ExperimentData
from cxr_duck.engines.stages import stage
from cxr_duck.index.what_stays import REMADE
from cxr_duck.store.relations import RELATIONS, TABLES, TERM_TABLES, VIEWS

TABLE_VIEWS = ("data_files",)  # over listed_files, made with the tables


def _listed(data: ExperimentData, query: str) -> set[str]:
    return {name for (name,) in data.store.cursor().execute(query).fetchall()}


def test_every_relation_is_in_the_table(demo_data: ExperimentData) -> None:
    """What a store has data files of, what its views show and what its tables hold."""
    assert _listed(demo_data, "SELECT relation FROM data_files") == RELATIONS.keys()
    views = "FROM information_schema.tables WHERE table_catalog = 'cxr' AND table_type = 'VIEW' "
    shown = _listed(demo_data, f"SELECT table_name {views} AND table_schema = 'main'")
    assert shown == {*RELATIONS, *VIEWS, *TABLE_VIEWS}
    tables = _listed(
        demo_data,
        "SELECT CASE table_schema WHEN 'main' THEN table_name ELSE table_schema END "
        "FROM information_schema.tables "
        "WHERE table_catalog = 'cxr' AND table_type = 'BASE TABLE'",
    )
    assert tables == {*TABLES, *TERM_TABLES} - {*TABLE_VIEWS}


def test_every_relation_has_a_rule_for_images_that_go() -> None:
    """A stage that filters its files, or a relation that it is made from again: never neither."""
    for name, relation in RELATIONS.items():
        assert (relation.when_images_go is None) == (relation.made_from is not None), name
        for rule in ("when_images_go", "when_images_change", "when_files_change"):
            if (kept := getattr(relation, rule)) is not None:
                assert "data_file" in stage(kept).sql, (name, rule)
    made = {name: relation.made_from for name, relation in RELATIONS.items() if relation.made_from}
    assert made.keys() == REMADE.keys()
    assert set(made.values()) <= RELATIONS.keys()


def test_the_columns_a_relation_begins_with_are_those_of_its_card(
    odd_data: ExperimentData,
) -> None:
    """A relation that is first written without rows has the columns that its stage writes."""
    for name, relation in RELATIONS.items():
        if relation.columns is not None:
            first = odd_data.store.duckdb().columns(name)
            parts = [part.split() for part in relation.columns.split(", ")]
            assert list(first.items()) == [(column.strip('"'), kind) for column, kind in parts]
            assert first.keys() == stage(name).columns.keys(), name


def test_the_catalog_names_images_and_patients_where_removal_looks(
    odd_data: ExperimentData,
) -> None:
    """A further table with an image or a patient needs a rule in `cxr_duck.index.removal`."""
    named = _listed(
        odd_data,
        "SELECT DISTINCT table_schema || '.' || table_name FROM information_schema.columns "
        "INNER JOIN information_schema.tables USING (table_catalog, table_schema, table_name) "
        "WHERE table_catalog = 'cxr' AND table_type = 'BASE TABLE' "
        "AND column_name IN ('image_id', 'patient_id')",
    )
    assert named == {"main.removed_images", "experiments.image"}
