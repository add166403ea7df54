"""Every SQL file: its card, its parameters, the columns it promises, the hands that reach it."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_duck import ExperimentData
from cxr_duck.engines.sql_text import quoted
from cxr_duck.engines.stages import SQL_FOLDER, Stage, all_stages, stage, used_parameters
from cxr_duck.engines.translate.to_spark import relations_in, silent_differences, translated
from cxr_duck.errors import StageError
from cxr_duck.store.invariants import check_invariants
from tests.support.stages import ON_DUCKDB_ALONE, ON_SPARK

STAGES = all_stages()
FILES = sorted(SQL_FOLDER.rglob("*.sql"))
PYTHON = "\n".join(
    path.read_text(encoding="utf-8")
    for path in (Path(__file__).parents[2] / "cxr_duck").rglob("*.py")
)
# Stages of the other folders that Spark runs too, or could.
CARRIED_QUERIES = (
    "finding_postings", "known_localizations", "label_of_other_class", "localizations_below",
    "matching_images", "suspect_image",
)  # fmt: skip
CHANCE = ("random(", "hash(", "using sample", "any_value(", "first(", "gen_random_uuid(", "now(")


def test_every_file_is_a_stage() -> None:
    """Each file below sql/ lies in a folder and has a name of its own."""
    assert len(STAGES) == len(FILES) > 30
    assert len({part.path.stem for part in STAGES}) == len(STAGES)


@pytest.mark.parametrize("part", STAGES, ids=lambda part: part.path.stem)
def test_card(part: Stage) -> None:
    """The first line says the relation and its grain; parameters on the card are those used."""
    assert re.match(r"one row|the schema", part.grain), part.grain
    assert set(part.params) == used_parameters(part.sql)
    assert all(len(line) <= 100 for line in part.path.read_text().splitlines())


@pytest.mark.parametrize("part", STAGES, ids=lambda part: part.path.stem)
def test_no_chance_but_md5(part: Stage) -> None:
    """Nothing in a stage depends on the order in which rows happen to come."""
    text = part.sql.lower()
    assert not [word for word in CHANCE if word in re.sub(r"\bmd5\(", "", text)]


@pytest.mark.parametrize(
    "part",
    [
        part
        for part in STAGES
        if part.sql.startswith(("SELECT", "WITH"))
        and part.path.stem not in ON_DUCKDB_ALONE
        and (part.path.parent.name in ON_SPARK or part.path.stem in CARRIED_QUERIES)
    ],
    ids=lambda part: part.path.stem,
)
def test_stages_can_be_carried_to_spark(part: Stage) -> None:
    """No stage has what another engine can't run, or would run and answer otherwise."""
    pytest.importorskip(
        "sqlglot", reason="stages are translated by sqlglot, which is not installed"
    )
    assert silent_differences(part.sql) == []
    assert relations_in(part.sql) == set(part.reads)
    assert translated(part.sql)


@pytest.mark.parametrize("part", STAGES, ids=lambda part: part.path.stem)
def test_relations_read(part: Stage) -> None:
    """The relations on the card are those that the SQL reads, apart from its own CTEs."""
    if part.path.parent.name == "6_record" and not part.sql.startswith(("SELECT", "WITH")):
        return
    sql = re.sub(r"'[^']*'", "''", part.sql)
    read = set(re.findall(r"\b(?<!DISTINCT )(?:FROM|JOIN)\s+([a-z_.]+)", sql))
    own = set(re.findall(r"(?:WITH(?: RECURSIVE)?|,)\s+([a-z_]+) AS \(", part.sql))
    assert read - own == set(part.reads)


@pytest.mark.parametrize("part", STAGES, ids=lambda part: part.path.stem)
def test_reached(part: Stage) -> None:
    """Some method runs it: a file that nobody calls is no stage."""
    assert part.path.parent.name in ("check", "shell") or f'"{part.path.stem}"' in PYTHON


def test_every_macro_is_made_and_explained(odd_data: ExperimentData) -> None:
    """The macros of the catalog are the files of sql/shell; the comment is the card's sentence."""
    made = odd_data.sql(
        "SELECT function_name AS name, comment FROM duckdb_functions() WHERE NOT internal"
    ).to_pylist()
    files = all_stages("shell")
    assert len(files) >= 4
    assert {row["name"]: row["comment"] for row in made} == {m.name: m.grain for m in files}


@pytest.mark.parametrize("macro", all_stages("shell"), ids=lambda macro: macro.name)
def test_macro_has_the_columns_and_the_example_of_its_card(
    odd_data: ExperimentData, macro: Stage
) -> None:
    """The card's sentence ends with a call that can be typed; its columns are those made."""
    call = re.search(r", such as (\w+\(.+\))\.$", macro.grain)
    assert call is not None
    made = odd_data.sql(f"SELECT column_name FROM (DESCRIBE FROM {call[1]})").to_pylist()
    assert [row["column_name"] for row in made] == list(macro.columns)
    assert macro.sql.startswith(f"CREATE OR REPLACE MACRO {macro.name}(")


@pytest.mark.parametrize(
    "name",
    [
        "images", "postings", "rejects", "coded_postings", "terms", "term_ancestors", "label_cuis",
        "image_files", "refused_files", "missing_files", "extra_files", "repeated_files",
        "fingerprints", "twin_pairs", "twins", "twin_members",
    ],
)  # fmt: skip
def test_columns_on_the_card_are_those_made(odd_data: ExperimentData, name: str) -> None:
    """The card documents every column, in order, and each becomes a comment in the catalog."""
    made = odd_data.sql(
        f"SELECT column_name, comment FROM duckdb_columns() "
        f"WHERE table_name = '{name}' AND NOT internal ORDER BY column_index"
    ).to_pylist()
    comments = [(row["column_name"], row["comment"]) for row in made]
    assert comments == list(stage(name).columns.items())


def test_every_relation_and_column_has_a_comment(odd_data: ExperimentData) -> None:
    """Whoever opens the catalog in a shell finds each relation and column explained."""
    silent = odd_data.sql(
        "SELECT table_name, column_name FROM duckdb_columns() "
        "WHERE NOT internal AND comment IS NULL AND database_name = current_database() "
        "UNION ALL SELECT view_name, '' FROM duckdb_views() WHERE NOT internal AND comment IS NULL "
        "UNION ALL SELECT table_name, '' FROM duckdb_tables() "
        "WHERE NOT internal AND comment IS NULL AND database_name = current_database()"
    ).to_pylist()
    assert silent == []


def test_parameters_are_checked() -> None:
    """A parameter too many or too few is an error that names the file."""
    with pytest.raises(StageError, match=r"splits\.sql takes the parameters seed; given: none"):
        stage("splits").bind({})
    with pytest.raises(StageError, match="0 files named nonsense"):
        stage("nonsense")


def test_checks_pass(odd_data: ExperimentData, demo_data: ExperimentData) -> None:
    """No invariant is broken in the stores that the tests use."""
    for data in (odd_data, demo_data):
        assert [check for check in check_invariants(data.store) if check.rows] == []


BROKEN = {
    "image_twice": "CREATE TEMP TABLE images AS "
    "SELECT 'x' AS source, 'a' AS image_id FROM range(2)",
    "rows_lost": "CREATE TEMP TABLE images AS SELECT 1 AS x WHERE FALSE",
    "removed_image_there": "CREATE TEMP TABLE removed_images AS "
    "SELECT source, image_id FROM images",
    "posting_astray": "CREATE TEMP TABLE postings AS SELECT 'nodule' AS finding, "
    "'nowhere.png' AS image_id, 'p' AS patient_id, 's' AS study_id",
    "posting_missing": "CREATE TEMP TABLE postings AS SELECT '' AS finding, '' AS image_id",
    "posting_twice": "CREATE TEMP TABLE postings AS SELECT 'a' AS finding, 'b' AS image_id "
    "FROM range(2)",
    "normal_with_finding": "CREATE TEMP TABLE images AS SELECT 'a' AS image_id, "
    "['normal', 'nodule'] AS findings",
    "ancestor_missing": "CREATE TEMP TABLE term_ancestors AS SELECT 'h' AS hierarchy, "
    "'a' AS ancestor, 'a' AS descendant, 0 AS distance",
}
BROKEN_MEMBERS = {
    "patient_in_two_splits": [("c", "f", "i1", "p", "train"), ("c", "f", "i2", "p", "test")],
    "image_in_two_classes": [("c", "f", "i1", "p", "train"), ("d", "g", "i1", "p", "train")],
    "classes_unequal": [
        ("c", "f", "i1", "p", "train"), ("c", "f", "i2", "p", "train"),
        ("d", "g", "i3", "q", "train"),
    ],
    "digest_differs": [("c", "f", "i1", "p", "train")],
    "member_twice": [("c", "f", "i1", "p", "train"), ("c", "f", "i1", "p", "train")],
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(BROKEN.keys() | BROKEN_MEMBERS.keys()))
def test_check_finds_what_it_is_for(odd_data: ExperimentData, name: str) -> None:
    """Each check returns rows where its invariant is broken."""
    connection = odd_data.store.cursor()
    sql = stage(name).sql
    if name in BROKEN:
        connection.execute(BROKEN[name])
    else:
        connection.execute(
            "CREATE TEMP TABLE members (dataset VARCHAR, class VARCHAR, finding VARCHAR, "
            "image_id VARCHAR, patient_id VARCHAR, split VARCHAR)"
        )
        connection.executemany(
            "INSERT INTO members VALUES ('d', ?, ?, ?, ?, ?)", BROKEN_MEMBERS[name]
        )
        connection.execute(
            "CREATE TEMP TABLE dataset AS SELECT 'd' AS name, 'x' AS digest, "
            "'image' AS unit, 'equal' AS balance, 'drop' AS overlap"
        )
        connection.execute("CREATE TEMP VIEW audited AS FROM members")
        sql = sql.replace("experiments.", "")
    assert connection.execute(sql).fetchall()


def test_every_check_has_its_proof() -> None:
    """No check is left without a broken store to find."""
    assert {part.path.stem for part in all_stages("check")} == BROKEN.keys() | BROKEN_MEMBERS.keys()


@given(st.text())
def test_quoted(text: str) -> None:
    """A text survives being quoted for SQL."""
    inner = quoted(text)[1:-1]
    assert inner.replace("''", "'") == text
    assert len(inner) == len(text) + text.count("'")
