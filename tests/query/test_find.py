"""`cxr find`: formats, limits, the number of images, and the SQL that it explains."""

import csv
import io
import json
import subprocess
from pathlib import Path

import pyarrow.parquet
import pytest

from cxr_duck import ExperimentData
from cxr_duck.errors import QueryError
from cxr_duck.query.find import ask
from tests.cli.test_shell import shell
from tests.conftest import Run
from tests.support.label_rows import USUAL, write_labels

QUERIES = [
    "nodule",
    "nodule @ right",
    "under(infiltrates) AND NOT pneumonia",
    "NOT nodule",
    "age >= 60 AND projection IN (PA, AP) AND study_date >= 2014-01-01",
    "under(infiltrates) @ under(\"upper lobe\") OR (frontal AND NOT (age < 50 OR sex = 'M'))",
    "findings = 1 AND window_center >= 2047.0 AND width IS NOT NULL",
]


@pytest.mark.sampled
@pytest.mark.parametrize("query", QUERIES)
def test_formats_agree(demo_data: ExperimentData, cxr: Run, query: str) -> None:
    """Every format has the rows of the API, in the order of the image ids."""
    store = demo_data.store.path
    table = demo_data.find(query)
    rows = table.to_pylist()
    found = [row["image_id"] for row in rows]
    assert found == sorted(found) != []
    assert cxr("find", query, "--format", "ids", "--store", store).out.split() == found
    assert cxr("find", query, "--count", "--store", store).out == f"{len(rows)}\n"
    assert json.loads(cxr("find", query, "--format", "json", "--store", store).out) == rows
    text = cxr("find", query, "--format", "csv", "--store", store).out
    assert [line["image_id"] for line in csv.DictReader(io.StringIO(text))] == found
    raw = cxr("find", query, "--format", "parquet", "--store", store).out
    written = pyarrow.parquet.read_table(io.BytesIO(raw.encode("utf-8", "surrogateescape")))
    assert written.equals(table)
    counted = ("find", query, "--count", "--format")
    assert json.loads(cxr(*counted, "json", "--store", store).out) == [{"images": len(rows)}]
    assert cxr(*counted, "csv", "--store", store).out == f"images\n{len(rows)}\n"
    raw = cxr(*counted, "parquet", "--store", store).out
    written = pyarrow.parquet.read_table(io.BytesIO(raw.encode("utf-8", "surrogateescape")))
    assert written.to_pylist() == [{"images": len(rows)}]
    drawn = cxr("find", query, "--limit", "0", "--store", store).out.splitlines()
    assert drawn[0].split() == table.column_names
    assert len(drawn) == len(rows) + 1


@pytest.mark.parametrize("query", ["nodule", "NOT nodule"])
def test_limit(demo_data: ExperimentData, cxr: Run, query: str) -> None:
    """A limit that is given holds for every format; none is in force but for a table's 20."""
    store = demo_data.store.path
    found = demo_data.find(query).column("image_id").to_pylist()
    limited = ("--limit", "3", "--store", store)
    assert cxr("find", query, "--format", "ids", *limited).out.split() == found[:3]
    rows = json.loads(cxr("find", query, "--format", "json", *limited).out)
    assert [row["image_id"] for row in rows] == found[:3]
    assert len(cxr("find", query, "--format", "csv", *limited).out.splitlines()) == 4
    ran = cxr("find", query, *limited)
    assert len(ran.out.splitlines()) == 4
    assert ran.err == "the first 3 rows; --limit 0 shows all\n"
    assert len(cxr("find", query, "--store", store).out.splitlines()) == 21
    every = cxr("find", query, "--format", "ids", "--limit", "0", "--store", store).out.split()
    assert every == found


def test_nothing_found(demo_data: ExperimentData, cxr: Run) -> None:
    """A query that holds for no image is an empty answer, not an error."""
    store = demo_data.store.path
    for query in ("age > 200", "nodule AND NOT nodule", "nodule @ nipple"):
        assert cxr("find", query, "--format", "ids", "--store", store) == ("", "", 0)
        assert cxr("find", query, "--count", "--store", store).out == "0\n"
        assert cxr("find", query, "--format", "json", "--store", store).out == "[]\n"


@pytest.mark.sampled
@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("form", [(), ("--count",), ("--format", "ids", "--limit", "5")])
def test_explain_in_the_shell(
    demo_data: ExperimentData, cxr: Run, tmp_path: Path, query: str, form: tuple[str, ...]
) -> None:
    """What --explain prints, pasted into DuckDB's shell, gives the rows of the command."""
    store = demo_data.store.path
    script = cxr("find", query, "--explain", *form, "--store", store).out
    assert script.endswith(";\n")
    assert all(len(line) <= 100 for line in script.splitlines())
    ran = subprocess.run(
        [shell(), "-readonly", str(demo_data.store.catalog.absolute()), "-csv", "-noheader"],
        input=script, cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stderr == ""
    printed = [line[0] for line in csv.reader(io.StringIO(ran.stdout))]
    plain = form if form else ("--format", "ids")
    assert printed == cxr("find", query, *plain, "--store", store).out.split()


VALUES = ["O'Brien; DROP TABLE terms", "$finding_1", "a\\'b", "--x", ".quit", "/* x", '"', "ñ…"]


@pytest.mark.full
def test_explained_values_are_quoted(tmp_path: Path) -> None:
    """Whatever a value holds, it is one literal of the explained SQL."""
    rows = [
        {**USUAL, "ImageID": f"{number}.png", "Manufacturer_DICOM": value}
        for number, value in enumerate(VALUES)
    ]
    data = ExperimentData(
        labels_csv=write_labels(tmp_path / "labels.csv", rows), store=tmp_path / "store"
    )
    data.create_index()
    for number, value in enumerate(VALUES):
        text = "manufacturer = '" + value.replace("'", "''") + "'"
        question = ask(data.store.duckdb(), text)
        ran = subprocess.run(
            [shell(), "-readonly", str(data.store.catalog), "-csv", "-noheader"],
            input=question.ids.script + "\n", capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert ran.stdout.split() == [f"{number}.png"]
        assert data.find(text).column("image_id").to_pylist() == [f"{number}.png"]


def test_a_finding_needs_no_language(odd_data: ExperimentData) -> None:
    """A text that is a finding to the letter is answered without the grammar."""
    script = (
        "import sys; from cxr_duck.cli import main\n"
        "sys.argv = ['cxr', 'find', \"Bochdalek's hernia\", '--format', 'ids', '--store', "
        f"{str(odd_data.store.path)!r}]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('lark' in sys.modules)\n"
    )
    import sys

    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["image015.png", "False"]


def test_a_query_counted_listed_explained_and_streamed(odd_data: ExperimentData) -> None:
    """The same images, in each form that a caller may take them in."""
    for text in ("nodule", "nodule OR (normal AND NOT sex = F)"):
        found = odd_data.find(text)
        ids = found.column("image_id").to_pylist()
        assert odd_data.count(text) == len(ids) > 1
        assert list(odd_data.ids(text)) == ids
        assert list(odd_data.ids(text, limit=1)) == ids[:1]
        names, rows = odd_data.find_rows(text).stream()
        assert names == found.column_names
        assert [row[0] for row in rows] == ids
        explained = odd_data.explain(text, form="ids", limit=1).rstrip(";")
        assert odd_data.sql(explained).column("image_id").to_pylist() == ids[:1]
    assert odd_data.count("nodule AND normal") == 0


def test_rows_of_sql_fail_as_queries(odd_data: ExperimentData) -> None:
    """What DuckDB says of a user's SQL is a QueryError, also while its rows are being taken."""
    with pytest.raises(QueryError, match="one query that reads"):
        odd_data.sql_rows("DROP VIEW images")
    with pytest.raises(QueryError, match="can't be run"):
        list(odd_data.sql_rows("SELECT CAST(image_id AS INTEGER) FROM images").stream()[1])
