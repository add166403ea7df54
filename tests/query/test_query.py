"""The query language: what a query finds, against a walk over the images in plain Python."""

import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_duck import ExperimentData
from cxr_duck.engines.sql_text import quoted
from cxr_duck.errors import CxrError, QueryError
from cxr_duck.query.compile import compile_query
from cxr_duck.query.fields import Fields
from cxr_duck.query.find import ask
from cxr_duck.query.parse import parse
from cxr_duck.query.resolve import resolve_query
from cxr_duck.query.tree import from_plain, to_plain
from tests.conftest import examples
from tests.support.asked import FINDINGS, FLAT_QUERIES, QUERIES, Image, Query, rows_to_ask
from tests.support.label_rows import USUAL, write_labels


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> ExperimentData:
    """A repository of 240 images, indexed."""
    folder = tmp_path_factory.mktemp("asked")
    labels = write_labels(folder / "labels.csv", rows_to_ask())
    data = ExperimentData(labels_csv=labels, store=folder / "store")
    data.create_index()
    return data


@pytest.fixture(scope="module")
def images(asked: ExperimentData) -> dict[str, Image]:
    """Its images by their ids."""
    fields = asked.sql("SELECT * REPLACE (CAST(study_date AS VARCHAR) AS study_date) FROM images")
    found = {row["image_id"]: Image([], row) for row in fields.to_pylist()}
    for row in asked.sql("SELECT * FROM postings").to_pylist():
        found[row["image_id"]].postings.append((row["finding"], row["localizations"]))
    return found


def ids(data: ExperimentData, query: str) -> list[str]:
    """Return the ids of the images that a query finds."""
    found: list[str] = data.find(query).column("image_id").to_pylist()
    return found


@examples(300)
@given(QUERIES)
def test_any_query(asked: ExperimentData, images: dict[str, Image], query: Query) -> None:
    """A query finds what a walk over the images finds; its count, ids and saved tree agree."""
    text, holds = query
    expected = sorted(image_id for image_id, image in images.items() if holds(image))
    assert ids(asked, text) == expected
    engine = asked.store.duckdb()
    question = ask(engine, text)
    for form, rows in ((question.count, [(len(expected),)]), (question.ids, None)):
        found = engine.connection.execute(form.sql, form.params).fetchall()
        assert found == (rows or [(image_id,) for image_id in expected])
        assert engine.connection.execute(form.script).fetchall() == found
    tree = resolve_query(engine, text, "padchest")
    saved = from_plain(json.loads(json.dumps(to_plain(tree))))
    assert saved == tree
    again = compile_query(saved, Fields(engine).columns)
    assert len(engine.connection.execute(again.sql, again.params).fetchall()) == len(expected)


@pytest.mark.full
@examples(100)
@given(FLAT_QUERIES)
def test_any_query_without_brackets(
    asked: ExperimentData, images: dict[str, Image], query: Query
) -> None:
    """The rules of AND and OR hold without brackets, and the macro of the shell knows them too."""
    text, holds = query
    expected = sorted(image_id for image_id, image in images.items() if holds(image))
    assert ids(asked, text) == expected
    found = asked.sql(f"SELECT image_id FROM find_images({quoted(text)})")
    assert found.column("image_id").to_pylist() == expected


def test_queries_are_not_all_trivial(asked: ExperimentData) -> None:
    """The repository that is asked has an answer between none and all for each kind of leaf."""
    for query in (
        "nodule", "under(infiltrates)", "nodule @ right", "under(infiltrates) @ under(upper lobe)",
        "age >= 18", "NOT age >= 18", "frontal", "sex IS NULL", "findings = 1", "pediatric",
    ):  # fmt: skip
        assert 0 < len(ids(asked, query)) < 240, query


# (query, another that finds the same)
SAME = [
    ("nodule AND pneumonia OR normal", "(nodule AND pneumonia) OR normal"),
    ("normal OR nodule AND pneumonia", "normal OR (nodule AND pneumonia)"),
    ("NOT nodule AND pneumonia", "(NOT nodule) AND pneumonia"),
    ("NOT (nodule OR pneumonia)", "NOT nodule AND NOT pneumonia"),
    ("not not nodule", "nodule"),
    ("((((nodule))))", " nodule "),
    ("pleural effusion", '"pleural effusion"'),
    ("pleural    effusion", "'pleural effusion'"),
    ("Bochdalek's hernia", "'Bochdalek''s hernia'"),
    ("nodule @ loc right", "nodule @ right"),
    ("nodule @ right @ upper lobe", "nodule @ upper lobe @ right"),
    ("under(pacemaker)", "pacemaker"),
    ("C0034079", "nodule"),
    ("under(C0034079)", "under(nodule)"),
    ("nodule @ C0444532", "nodule @ right"),
    ("projection IN (PA)", "projection = PA"),
    ("NOT projection IN (PA, AP)", "projection NOT IN (PA, AP) OR projection IS NULL"),
    ("age < 18 OR NOT age < 18 AND nodule", "age<18 or (age >= 18 or age is null) and nodule"),
    ("AGE = 84", "age = 84.0"),
    ("frontal", "frontal = TRUE"),
    ("nodule AND frontal", "frontal AND nodule"),
]


@pytest.mark.parametrize(("query", "other"), SAME)
def test_same(asked: ExperimentData, query: str, other: str) -> None:
    """Two ways to write a query find the same images, and some."""
    assert ids(asked, query) == ids(asked, other) != []


def test_cuis(asked: ExperimentData) -> None:
    """The CUIs that the tests use are those of the hierarchy that comes along."""
    rows = asked.sql("SELECT DISTINCT term FROM terms WHERE cui IN ('C0034079', 'C0444532')")
    assert {row["term"] for row in rows.to_pylist()} == {"nodule", "right"}


def test_unknown_values(asked: ExperimentData) -> None:
    """An image of unknown age is in NOT age >= 18, and in neither age >= 18 nor age < 18."""
    unknown = set(ids(asked, "age IS NULL"))
    assert unknown
    assert unknown <= set(ids(asked, "NOT age >= 18"))
    assert not unknown & set(ids(asked, "age >= 18 OR age < 18 OR age != 18 OR age NOT IN (18)"))


def test_columns(asked: ExperimentData) -> None:
    """One finding, in any places, comes with its localizations; any other query with findings."""
    posting = [
        "image_id", "patient_id", "study_id", "localizations", "known_by", "finding_cuis",
        "localization_cuis",
    ]  # fmt: skip
    image = ["image_id", "patient_id", "study_id", "projection", "findings"]
    for query in ("nodule", " nodule", "nodule @ right", '"nodule" @ under(upper lobe)'):
        assert asked.find(query).column_names == posting
    for query in ("under(nodule)", "C0034079", "NOT nodule", "frontal", "nodule OR pneumonia"):
        assert asked.find(query).column_names == image
    assert asked.find("nodule").equals(asked.find('"nodule"'))
    found = asked.find("nodule @ right").to_pylist()
    assert all("loc right" in row["localizations"] for row in found)


def test_places_of_one_posting(tmp_path: Path) -> None:
    """All places of a finding stand in the same posting."""
    rows = [
        {"ImageID": "both.png", "Localizations": "['loc right', 'loc basal']"},
        {"ImageID": "one.png", "Localizations": "['loc right']"},
    ]
    rows = [{**USUAL, "Labels": "['nodule']", **row} for row in rows]
    data = ExperimentData(
        labels_csv=write_labels(tmp_path / "labels.csv", rows), store=tmp_path / "store"
    )
    data.create_index()
    assert ids(data, "nodule @ right @ basal") == ["both.png"]
    assert ids(data, "nodule @ right AND NOT nodule @ basal") == ["one.png"]


def test_own_hierarchy(asked: ExperimentData, tmp_path: Path) -> None:
    """UNDER goes through the hierarchy that is given; places then go through padchest's."""
    path = tmp_path / "organs.csv"
    path.write_text("term,parent\nlung,\nnodule,lung\npneumonia,lung\n")
    found = asked.find("under(lung) @ under(upper lobe)", hierarchy=path)
    other = "nodule @ under(upper lobe) OR pneumonia @ under(upper lobe)"
    assert found.column("image_id").to_pylist() == ids(asked, other)
    path.write_text("term,parent,tree\nlung,,\nnodule,lung,\nside,,localization\n"
                    "right,side,localization\nleft,side,localization\n")  # fmt: skip
    found = asked.find("under(lung) @ under(side)", hierarchy=path)
    assert found.column("image_id").to_pylist() == ids(asked, "nodule @ right OR nodule @ left")


def test_finding_before_field(tmp_path: Path) -> None:
    """A bare word that is a finding and a field is the finding; quotes make it never a field."""
    rows = [
        {**USUAL, "ImageID": "a.png", "Labels": "['frontal']", "Projection": "L"},
        {**USUAL, "ImageID": "b.png", "Projection": "PA"},
    ]
    data = ExperimentData(
        labels_csv=write_labels(tmp_path / "labels.csv", rows), store=tmp_path / "store"
    )
    data.create_index()
    assert ids(data, "frontal OR frontal") == ids(data, "frontal") == ["a.png"]
    assert ids(data, "frontal = true") == ["b.png"]
    with pytest.raises(CxrError, match="no image has the finding 'pediatric'"):
        data.find('"pediatric"')


def test_five_hundred_terms(asked: ExperimentData) -> None:
    """A query of very many terms is answered."""
    chance = random.Random(1)
    terms = [f'"{chance.choice(FINDINGS)}"' for _ in range(500)]
    assert ids(asked, " OR ".join(terms)) == ids(asked, " OR ".join(sorted(set(terms))))
    pairs = [f"{a} @ {b}" for a in terms[:25] for b in ("right", "left", "basal", "upper lobe")]
    several = " OR ".join(f"({a} AND NOT {b})" for a, b in pairwise(pairs))
    found = {pair: set(ids(asked, pair)) for pair in set(pairs)}
    expected = set().union(*(found[a] - found[b] for a, b in pairwise(pairs)))
    assert ids(asked, several) == sorted(expected)


@pytest.mark.parametrize("depth", [1, 50, 99, 200, 3000])
def test_deep_nests(asked: ExperimentData, depth: int) -> None:
    """Brackets may be as many as you like; AND, OR and NOT within each other up to a bound."""
    assert ids(asked, "(" * depth + "nodule" + ")" * depth) == ids(asked, "nodule")
    assert ids(asked, "NOT " * 2 * depth + "nodule") == ids(asked, "nodule")
    query = "nodule"
    for level in range(depth):
        query = f"({'normal OR' if level % 2 else 'frontal AND NOT'} {query})"
    if depth < 50:
        assert ids(asked, query)
        return
    try:
        asked.find(query)
    except QueryError as error:
        assert "more than 100 levels of AND, OR and NOT" in str(error)


@given(st.text() | st.text(alphabet="nodule AND(OR)@<>='\"\n\t\0"))
def test_any_text(asked: ExperimentData, text: str) -> None:
    """Whatever is written is an answer or an error of one sentence and a picture."""
    try:
        asked.find(text)
    except CxrError as error:
        sentence, query, caret = str(error).split("\n")
        assert sentence.startswith("column ")
        assert len(query) < 100
        assert caret.strip() == "^"
        assert len(caret) <= len(query) + 1 or not text.strip()


BROKEN: list[Any] = [
    {}, [], None, 3, "x", {"and": []}, {"not": [{"findings": ["a"], "places": []}] * 2},
    {"findings": [], "places": []}, {"findings": ["a"], "places": [[]]}, {"xor": [1]},
    {"field": "age", "kind": "number", "operator": "=", "values": [[1]]}, {"findings": "a"},
]  # fmt: skip


@pytest.mark.parametrize("plain", BROKEN, ids=str)
def test_broken_saved_query(plain: Any) -> None:
    """What isn't a saved query is refused in one sentence."""
    with pytest.raises(QueryError, match="no query that was resolved and saved"):
        from_plain(plain)


def test_saved_query_of_another_store(asked: ExperimentData) -> None:
    """A saved query that names a field or operator that isn't there is refused, never run."""
    columns = Fields(asked.store.duckdb()).columns
    for field, operator in (('age" = 1 OR 1', "="), ("age", "= 1 OR 1 ="), ("nowhere", "=")):
        leaf = {"field": field, "kind": "number", "operator": operator, "values": [1]}
        with pytest.raises(QueryError, match="which the images of this store don't have"):
            compile_query(from_plain(leaf), columns)


def test_parse_knows_columns() -> None:
    """Two queries that differ in blanks are the same tree."""
    assert parse("nodule  AND(age>=18)") == parse(" nodule and age >= 18 ")
