"""The command line: formats, messages, exit codes."""

import csv
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import polars
import pyarrow.parquet
import pytest

from cxr_duck import ExperimentData
from cxr_duck.cli import COMMANDS as MODULES
from cxr_duck.cli import make_app
from tests.conftest import Run

COMMANDS = [name for names in MODULES.values() for name in names]


@pytest.mark.parametrize("module", MODULES)
def test_commands_are_where_they_are_said_to_be(module: str) -> None:
    """A command line of one command builds the commands of its module, and no others."""
    for name in MODULES[module]:
        found = [command.name for command in make_app([name]).registered_commands]
        functions = [command.callback for command in make_app([name]).registered_commands]
        named = [n or f.__name__ for n, f in zip(found, functions, strict=True) if f is not None]
        assert named == list(MODULES[module])
    assert len(make_app(["nonsense"]).registered_commands) == len(COMMANDS)


def test_help_lists_every_command(cxr: Run) -> None:
    """`cxr --help` names each command with its sentence; each has a help page of its own."""
    ran = cxr("--help")
    assert ran.code == 0
    for command in COMMANDS:
        assert f"  {command} " in ran.out
        page = cxr(command, "--help")
        assert page.code == 0
        assert "Usage: cxr" in page.out


def test_find_formats(odd_data: ExperimentData, cxr: Run) -> None:
    """The same postings in each format."""
    store = odd_data.store.path
    word = "pulmonary fibrosis"
    row = {
        "image_id": "image017.png", "patient_id": "p1", "study_id": "s1",
        "localizations": ["loc basal"], "known_by": "sentence", "finding_cuis": ["C0034069"],
        "localization_cuis": ["C1282378"],
    }  # fmt: skip
    assert json.loads(cxr("find", word, "--format", "json", "--store", store).out) == [row]
    (line,) = csv.DictReader(
        io.StringIO(cxr("find", word, "--format", "csv", "--store", store).out)
    )
    lists = {name: json.loads(line[name]) for name, value in row.items() if isinstance(value, list)}
    assert {**line, **lists} == row
    raw = cxr("find", word, "--format", "parquet", "--store", store).out
    table = pyarrow.parquet.read_table(io.BytesIO(raw.encode("utf-8", "surrogateescape")))
    assert table.to_pylist() == [row]
    assert cxr("find", word, "--format", "ids", "--store", store).out == "image017.png\n"
    table_text = cxr("find", word, "--store", store).out.splitlines()
    assert table_text[0].split() == list(row)
    assert table_text[1].split("  ")[0] == "image017.png"
    assert cxr("find", word, "--count", "--store", store).out == "1\n"


def test_find_limit(demo_data: ExperimentData, cxr: Run) -> None:
    """A table stops at 20 rows and says so on stderr; other formats are whole."""
    store = demo_data.store.path
    ran = cxr("find", "normal", "--store", store)
    assert len(ran.out.splitlines()) == 21
    assert ran.err == "the first 20 rows; --limit 0 shows all\n"
    every = int(cxr("find", "normal", "--count", "--store", store).out)
    assert (
        len(cxr("find", "normal", "--limit", "0", "--store", store).out.splitlines()) == every + 1
    )
    assert len(cxr("find", "normal", "--format", "ids", "--store", store).out.split()) == every


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_empty_result(odd_data: ExperimentData, cxr: Run, form: str) -> None:
    """A query without rows prints its columns, or an empty list."""
    ran = cxr("sql", "SELECT * FROM rejects", "--format", form, "--store", odd_data.store.path)
    assert ran.code == 0
    assert ran.out.split() == {
        "table": ["file", "row", "reason", "image_id", "patient_id", "raw"],
        "csv": ["file,row,reason,image_id,patient_id,raw"],
        "json": ["[]"],
    }[form]  # fmt: skip


def test_sql_types_as_json(odd_data: ExperimentData, cxr: Run) -> None:
    """Dates, decimals, NULL and lists come out as JSON that other tools read."""
    query = "SELECT DATE '2014-03-05' AS d, 1.5 AS x, NULL AS n, ['a', NULL] AS l, TRUE AS b"
    ran = cxr("sql", query, "--format", "json", "--store", odd_data.store.path)
    assert json.loads(ran.out) == [
        {"d": "2014-03-05", "x": 1.5, "n": None, "l": ["a", None], "b": True}
    ]


def test_sql_parquet_is_read_by_polars(odd_data: ExperimentData, cxr: Run, tmp_path: Path) -> None:
    """`--format parquet` writes a file that other tools read."""
    query = "SELECT image_id, findings FROM images ORDER BY image_id"
    ran = cxr("sql", query, "--format", "parquet", "--store", odd_data.store.path)
    (tmp_path / "out.parquet").write_bytes(ran.out.encode("utf-8", "surrogateescape"))
    assert polars.read_parquet(tmp_path / "out.parquet").height == 20


def test_json_that_other_tools_read(odd_data: ExperimentData, cxr: Run) -> None:
    """Columns of the same name stay apart; numbers that JSON can't hold are null."""
    query = "SELECT 1 AS a, 2 AS a, 'nan'::DOUBLE AS x, 'ab'::BLOB AS b"
    ran = cxr("sql", query, "--format", "json", "--store", odd_data.store.path)
    assert json.loads(ran.out) == [{"a": 1, "a_1": 2, "x": None, "b": "6162"}]


def test_version(cxr: Run) -> None:
    """`cxr --version` prints it."""
    import cxr_duck

    assert cxr("--version").out == f"cxr-duck {cxr_duck.__version__}\n"


def test_interrupt(demo: Path, tmp_path: Path) -> None:
    """Ctrl-C ends a command with one sentence and leaves no store behind."""
    import signal
    import time

    with subprocess.Popen(
        [sys.executable, "-m", "cxr_duck", "index", demo / "labels.csv", "--store", tmp_path / "s"],
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        while process.poll() is None and not (tmp_path / "s" / "data").exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        err = process.stderr.read()
    assert "Traceback" not in err
    if process.returncode:
        assert process.returncode == 130
        assert not (tmp_path / "s").exists()


def test_unknown_format_and_finding(odd_data: ExperimentData, cxr: Run) -> None:
    """A format or finding that isn't there is told with those that are."""
    store = odd_data.store.path
    ran = cxr("find", "nodule", "--format", "yaml", "--store", store)
    assert ran.code == 2
    assert "'yaml' is none of table, csv, json, parquet, ids" in ran.err
    ran = cxr("find", "nodul", "--store", store)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        "Error: column 1: no image has the finding 'nodul': did you mean nodule?\n  nodul\n  ^\n"
    )


@pytest.mark.full
def test_create_prints_figure_6(own_demo: ExperimentData, cxr: Run) -> None:
    """A row a class and finding, a column a split; --json has the same numbers."""
    words = [
        "create",
        "normal",
        "not-normal",
        "--pure",
        "--hierarchy",
        "paper",
        "--where",
        "frontal",
    ]
    ran = cxr(*words, "--store", own_demo.store.path)
    assert ran.code == 0
    lines = [line.split("  ") for line in ran.out.splitlines()]
    assert ran.out.splitlines()[0].split() == [
        "class",
        "/",
        "finding",
        "train",
        "valid",
        "test",
        "all",
    ]
    findings = [line[1] for line in lines if line[0] == "" and len(line) > 1]
    assert findings == [
        "atelectasis", "calcified granuloma", "fibrotic band", "granuloma", "laminar atelectasis",
        "nodule", "pneumonia", "pulmonary mass",
    ]  # fmt: skip
    again = cxr(*words, "--json", "--store", own_demo.store.path)
    made = json.loads(again.out)
    assert made["digest"] in ran.out
    assert made["name"] == "normal-vs-not-normal-2"
    assert (
        sum(part["images"] for part in made["composition"] if part["finding"] is None)
        == (made["images"])
    )


def test_check_store(odd_data: ExperimentData, cxr: Run) -> None:
    """The command runs every check and says that nothing is broken."""
    ran = cxr("check-store", "--store", odd_data.store.path)
    assert (ran.code, ran.out) == (0, "14 checks, nothing broken\n")


def test_check_store_finds_a_changed_file(own_demo: ExperimentData, cxr: Run) -> None:
    """A Parquet file that somebody swapped breaks checks, which print the rows; exit 1."""
    import duckdb

    path = next(own_demo.store.path.glob("data/*/images-*.parquet"))
    duckdb.execute(f"COPY (FROM '{path}' LIMIT 10) TO '{path}.new' (FORMAT parquet)").fetchall()
    os.replace(f"{path}.new", path)
    own_demo.store.close()
    ran = cxr("check-store", "--store", own_demo.store.path)
    assert ran.code == 1
    assert "file_changed: 1 rows" in ran.err
    assert "rows_lost: 1 rows" in ran.err
    assert "posting_astray" in ran.err


def test_check_store_finds_damage(own_demo: ExperimentData, cxr: Run) -> None:
    """A byte that changed and a file that is gone are told, also where the rows can't be read."""
    store = own_demo.store.path
    rejects = next(store.glob("data/*/rejects-*.parquet"))
    rejects.write_bytes(rejects.read_bytes()[:-40] + b"x" + rejects.read_bytes()[-39:])
    next(store.glob("data/*/postings-*.parquet")).unlink()
    own_demo.store.close()
    ran = cxr("check-store", "--store", store)
    assert ran.code == 1
    assert "file_changed: 2 rows" in ran.err
    assert "can't be read: No such file or directory" in ran.out
    assert "SHA-256 is" in ran.out
    assert "posting_missing: not tested, posting_missing.sql failed" in ran.err
    assert "Traceback" not in ran.err


def test_reader_that_goes_away(demo_data: ExperimentData) -> None:
    """`cxr … | head` ends without a word."""
    with subprocess.Popen(
        [sys.executable, "-m", "cxr_duck", "sql", "SELECT * FROM range(1000000)",
         "--format", "csv", "--store", demo_data.store.path],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "range\n"
        process.stdout.close()
        assert process.stderr.read() == ""


def test_progress_on_a_terminal_only(demo: Path, tmp_path: Path) -> None:
    """A bar appears on a terminal's stderr when a step takes a while, and never in a pipe."""
    script = (
        "import time; from cxr_duck.cli.progress_bar import TerminalProgress\n"
        "with TerminalProgress().step('counting sheep', 8) as done:\n"
        "    for number in range(8): time.sleep(0.15); done(number)\n"
    )
    piped = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert (piped.stdout, piped.stderr) == ("", "")
    master, slave = pty.openpty()
    subprocess.run([sys.executable, "-c", script], stderr=slave, check=True)
    os.close(slave)
    assert b"counting sheep" in os.read(master, 100_000)
    os.close(master)
