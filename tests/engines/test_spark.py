"""Spark as the engine: the same stores and datasets as DuckDB's, to the last row."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from shutil import copytree
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import pytest

from cxr_duck import ExperimentData
from cxr_duck.engines.spark.scratch import SCRATCH, Scratch
from cxr_duck.errors import (
    ConflictError,
    CxrError,
    QueryError,
    RecipeError,
    StoreError,
    UnknownTermError,
)
from cxr_duck.store.data_files import data_files
from cxr_duck.store.invariants import check_invariants
from cxr_duck.store.relations import RELATIONS
from tests.support.label_rows import USUAL, write_labels
from tests.support.odd_cells import odd_rows, write_made_up_labels
from tests.support.spark_sessions import CONFIGURATION, put_defaults, shared_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pyspark = pytest.importorskip("pyspark", reason="the engine Spark: needs pyspark")
pytestmark = [
    pytest.mark.spark,
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
]

ROWS = 125_000  # of the made-up label file: more than DuckDB puts into one group of rows
USUAL_ROWS = [
    {**USUAL, "ImageID": f"more{n}.png", "PatientID": f"patient{n % 5}"} for n in range(12)
]
RECIPES: dict[str, dict[str, Any]] = {
    "paper": {
        "term_list": ["normal", "not-normal"], "pure": True, "hierarchy": "paper",
        "where": "frontal AND age >= 18",
    },
    "dated": {"term_list": ["nodule", "COPD signs"], "by_date": ["2014-01-01"], "balance": "none"},
    "apart": {
        "term_list": ["cardiomegaly", "scoliosis"], "keep_apart": "paper", "seed": 7,
        "balance": "none", "per_patient": 2,
    },
    "query": {
        "classes": {"old": "age > 60", "low": "under(nodule) @ right OR pneumonia"},
        "exclude": ["suboptimal study"], "overlap": "first", "unit": "study",
    },
    "matched": {
        "term_list": ["normal", "COPD signs"], "match": ["sex", "age:20"],
        "stratify": ["year", "projection"], "size": {"train": 20},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def session() -> "SparkSession":
    """Two cores of this machine."""
    return shared_session()


def assert_same(one: ExperimentData, other: ExperimentData) -> None:
    """Both stores have the same relations, columns, types and rows."""
    for relation in RELATIONS:
        first, second = (data.sql(f"FROM {relation}") for data in (one, other))
        described = [data.sql(f"DESCRIBE {relation}").to_pylist() for data in (one, other)]
        assert described[0] == described[1], relation
        with duckdb.connect() as connection:
            connection.register("first", first)
            connection.register("second", second)
            for left, right in (("first", "second"), ("second", "first")):
                only = f"FROM {left} EXCEPT ALL FROM {right}"
                assert connection.execute(f"FROM ({only}) LIMIT 3").fetchall() == [], relation


@pytest.fixture(scope="module")
def pair(
    session: "SparkSession", demo: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ExperimentData, ExperimentData]:
    """The demo repository, indexed and tested by DuckDB and by Spark."""
    folder = tmp_path_factory.mktemp("pair")
    images, labels = demo / "images", demo / "labels.csv"
    both = (
        ExperimentData(images, labels, store=folder / "duckdb"),
        ExperimentData(images, labels, store=folder / "spark", engine=session),
    )
    counts = [data.create_index() for data in both]
    assert counts[0] == counts[1]
    checked = [data.check_integrity() for data in both]
    assert checked[0].counts == checked[1].counts
    assert checked[0].problems.to_pylist() == checked[1].problems.to_pylist()
    return both


def test_the_demo_is_indexed_alike(pair: tuple[ExperimentData, ExperimentData]) -> None:
    """Every relation of the store is the same, and keeps its invariants."""
    assert_same(*pair)
    assert [check for check in check_invariants(pair[1].store) if check.rows] == []


def test_files_say_how_they_were_made(pair: tuple[ExperimentData, ExperimentData]) -> None:
    """A data file has the provenance that DuckDB's have, its rows in the relation's order."""
    of_both = []
    for data in pair:
        file = data_files(data.store.cursor(), "postings")[0]
        path = data.store.path / file.path
        of_both.append(
            duckdb.execute(
                "SELECT decode(key), decode(value) FROM parquet_kv_metadata(?) "
                "WHERE decode(key) NOT LIKE 'ARROW%' ORDER BY 1",
                [str(path)],
            ).fetchall()
        )
        rows = duckdb.execute(
            "SELECT finding, image_id FROM read_parquet(?)", [str(path)]
        ).fetchall()
        assert rows == sorted(rows)
    assert of_both[0] == of_both[1]
    assert {"cxr_duck_version", "label_file_sha256", "stage_sha256"} <= {k for k, _ in of_both[0]}


def test_datasets_have_the_same_digests(pair: tuple[ExperimentData, ExperimentData]) -> None:
    """Whatever the recipe: members, what was decided, what was left out and why."""
    for name, recipe in RECIPES.items():
        first, second = (data.create_dataset(**recipe, name=name) for data in pair)
        assert first.digest == second.digest, name
        assert first.members.to_pylist() == second.members.to_pylist()
        assert first.composition == second.composition
        assert (first.removals, first.notes) == (second.removals, second.notes)
        assert first.decisions == second.decisions


def test_each_engine_uses_the_others_store(
    pair: tuple[ExperimentData, ExperimentData], session: "SparkSession"
) -> None:
    """What one made the other finds, makes again and makes anew."""
    duck, spark = pair
    for store, engine in ((duck.store.path, session), (spark.store.path, "duckdb")):
        other = ExperimentData(store=store, engine=engine)
        assert other.reproduce("paper").same
        made = other.create_dataset(**RECIPES["dated"], store_it=False)
        assert made.digest == duck.dataset("dated").digest
        assert len(other.index["nodule"]) == len(duck.index["nodule"])
    assert [check for check in check_invariants(spark.store) if check.rows] == []


@pytest.mark.parametrize(
    "query",
    [
        "nodule",
        "nodule @ right",
        "under(infiltrates) AND NOT nodule",
        "(age >= 40 OR sex = F) AND projection IN (PA, AP) AND findings = 1",
        "NOT age >= 18",
        "study_date < 2014-01-31 AND frontal",
    ],
)
def test_queries_find_the_same(pair: tuple[ExperimentData, ExperimentData], query: str) -> None:
    """A query's rows are those of DuckDB, in the same order, and there are some."""
    first, second = (data.find(query) for data in pair)
    assert first.column_names == second.column_names
    assert first.to_pylist() == second.to_pylist()
    assert first.num_rows


@pytest.mark.parametrize(
    ("ask", "error", "sentence"),
    [
        (lambda data: data.find("noduel"), UnknownTermError, "did you mean"),
        (lambda data: data.find("projection = PB"), QueryError, "the values are"),
        (lambda data: data.index["noduel"], UnknownTermError, "did you mean nodule"),
        (lambda data: data.create_dataset(["nodule", "noduel"]), UnknownTermError, "noduel"),
        (
            lambda data: data.create_dataset(["nodule", "normal"], exclude=["noduel"]),
            UnknownTermError,
            "did you mean nodule",
        ),
        (
            lambda data: data.create_dataset(
                ["nodule", "normal"], where="image_id IN (SELECT image_id FROM nosuch)"
            ),
            QueryError,
            "there is no table nosuch",
        ),
        (
            lambda data: data.create_dataset(["nodule", "normal"], where="agee > 3"),
            QueryError,
            "can't be evaluated",
        ),
        (
            lambda data: data.create_dataset(["nodule", "normal"], where="age LIKE '6%'"),
            QueryError,
            "No function matches",
        ),
        (
            lambda data: data.create_dataset(["nodule", "normal"], where="report[1] = 'a'"),
            QueryError,
            "can't be evaluated",
        ),
        (
            lambda data: data.create_dataset(["nodule", "normal"], where=f"age{' + 1' * 900} > 9"),
            QueryError,
            "within each other",
        ),
        (
            lambda data: data.create_dataset(["nodule", "normal"], where="1 / (age - age) > 3"),
            QueryError,
            "can't be evaluated",
        ),
        (
            lambda data: data.create_dataset(["nodule", "normal"], where="random() < 0.5"),
            QueryError,
            "differs from time to time",
        ),
        (
            lambda data: data.create_dataset(
                ["nodule", "normal"], where="regexp_replace(sex, 'F', 'G') = 'G'"
            ),
            QueryError,
            "otherwise",
        ),
        (
            lambda data: data.create_dataset(["nodule", "normal"], where="age > 500"),
            RecipeError,
            "no images of its own",
        ),
    ],
)  # fmt: skip
def test_what_is_asked_wrongly_is_one_sentence(
    pair: tuple[ExperimentData, ExperimentData], ask: Any, error: Any, sentence: str
) -> None:
    """On Spark too, and the sentence is about what the user wrote."""
    with pytest.raises(error) as raised:
        ask(pair[1])
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value).split("^")[-1].strip()
    assert "SQLSTATE" not in str(raised.value)


def test_a_folder_that_reads_as_a_pattern(session: "SparkSession", tmp_path: Path) -> None:
    """A store is read from its own folder, not from all whose names its name would fit."""
    for name, rows in (("run2", USUAL_ROWS[:3]), ("run[2]", USUAL_ROWS[3:]), ("run{2}", [])):
        labels = write_labels(tmp_path / f"{len(rows)}.csv", rows or USUAL_ROWS[:1])
        data = ExperimentData(labels_csv=labels, store=tmp_path / name, engine=session)
        data.create_index()
        there = ExperimentData(store=tmp_path / name).find("normal")["image_id"].to_pylist()
        assert len(there) == len(rows or USUAL_ROWS[:1])
        assert data.find("normal")["image_id"].to_pylist() == there


def test_a_cluster_needs_a_folder_that_all_see(tmp_path: Path) -> None:
    """Where a store may only be read, workers elsewhere don't write to their own disks."""
    in_the_way = tmp_path / "store"
    in_the_way.write_text("no folder")
    with pytest.raises(StoreError, match="take the engine duckdb"):
        Scratch.within(in_the_way, alone=False).place("images")
    alone = Scratch.within(in_the_way, alone=True)
    assert Path(alone.place("images").removeprefix("file://")).parent.is_dir()


def test_a_store_grows_alike(session: "SparkSession", tmp_path: Path) -> None:
    """Odd rows, refused ones, a conflict, a replacement: the same store after each."""
    both = [
        ExperimentData(labels_csv=tmp_path / "labels.csv", store=tmp_path / name, engine=engine)
        for name, engine in (("duckdb", "duckdb"), ("spark", session))
    ]
    rows = odd_rows()
    write_labels(tmp_path / "labels.csv", rows)
    with (tmp_path / "labels.csv").open("a", encoding="utf-8") as file:
        file.write("this,row,has,too,few,fields\n")
    counts = [data.create_index(allow_rejects=True) for data in both]
    assert counts[0] == counts[1]
    assert_same(*both)
    more = USUAL_ROWS
    write_labels(tmp_path / "labels.csv", [*rows, *more])
    counts = [data.create_index(allow_rejects=True) for data in both]
    assert counts[0] == counts[1]
    assert_same(*both)
    write_labels(tmp_path / "labels.csv", [{**row, "ImageDir": "77"} for row in more])
    conflicts = []
    for data in both:
        with pytest.raises(ConflictError) as raised:
            data.create_index(allow_rejects=True)
        conflicts.append((str(raised.value), raised.value.conflicts))
    assert conflicts[0] == conflicts[1]
    for data in both:
        counts = data.create_index(replace=True, allow_rejects=True)
        assert counts["replaced"] == len(more)
    assert_same(*both)
    for data in both:
        listed = {file.path for file in data_files(data.store.cursor())}
        there = {
            path.relative_to(data.store.path).as_posix()
            for path in (data.store.path / "data").rglob("*.parquet")
        }
        assert listed <= there
        assert not (data.store.path / SCRATCH).exists()


def test_twins_are_paired_anew_where_their_files_changed(
    session: "SparkSession", demo: Path, tmp_path: Path
) -> None:
    """Spark lists files again in a store that knows twins: what it knows of them stays true."""
    pytest.importorskip("imagehash", reason="twins: needs ImageHash")
    images = copytree(demo / "images", tmp_path / "images")
    first, second, *_ = sorted(images.rglob("*.png"))
    second.write_bytes(first.read_bytes())
    stores = []
    for name in ("duckdb", "spark"):
        data = ExperimentData(images, demo / "labels.csv", store=tmp_path / name)
        data.create_index()
        data.find_twins()
        assert data.sql("FROM twin_pairs").num_rows
        stores.append(data)
    second.write_bytes(b"another film")
    again = ExperimentData(images, demo / "labels.csv", store=tmp_path / "spark", engine=session)
    assert stores[0].create_index() == again.create_index()
    assert_same(stores[0], again)


def test_many_rows_give_the_same(session: "SparkSession", tmp_path: Path) -> None:
    """125,000 made-up rows: every relation, and a dataset's digest."""
    labels = write_made_up_labels(tmp_path / "labels.csv", ROWS)
    recipe: dict[str, Any] = {
        "term_list": ["infiltrates", "cardiomegaly"], "overlap": "first", "unit": "study",
    }  # fmt: skip
    made = []
    both = []
    for name, engine in (("duckdb", "duckdb"), ("spark", session)):
        data = ExperimentData(labels_csv=labels, store=tmp_path / name, engine=engine)
        assert data.create_index()["images"] == ROWS
        made.append(data.create_dataset(**recipe, name="many"))
        both.append(data)
    assert_same(*both)
    assert made[0].digest == made[1].digest
    assert made[0].images() > 1000


Cxr = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def cxr(tmp_path_factory: pytest.TempPathFactory) -> Cxr:
    """Run a command line in a process of its own."""
    defaults = put_defaults(tmp_path_factory.mktemp("spark") / "conf")

    def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "cxr_duck", *map(str, words)],
            env={**os.environ, **defaults},
            capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip

    return run


class Server(NamedTuple):
    """A Spark Connect server, the first of a group of processes."""

    address: str
    pid: int


@pytest.fixture
def connect_server(tmp_path: Path) -> Iterator[Server]:
    """A Spark Connect server, a process of its own on this machine."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    settings = {**CONFIGURATION, "spark.connect.grpc.binding.port": port}
    submit = [str(Path(pyspark.__file__).parent / "bin/spark-submit"), "--master", "local[2]"]
    for name, value in settings.items():
        submit += ["--conf", f"{name}={value}"]
    submit += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer"]
    with (tmp_path / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [*submit, "spark-internal"],
            stdout=log,
            stderr=log,
            env={**os.environ, "PYSPARK_PYTHON": sys.executable},
            start_new_session=True,
        )
    try:
        yield Server(f"sc://localhost:{port}", server.pid)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def test_the_command_line(demo: Path, tmp_path: Path, connect_server: Server, cxr: Cxr) -> None:
    """`cxr --engine` says and prints what `cxr` does, and nothing of Spark's own talk."""
    copytree(demo / "images", tmp_path / "images")
    said = {}
    for number, engine in enumerate(("duckdb", "local[2]", connect_server.address)):
        store = tmp_path / f"store{number}"
        index = cxr(
            "--engine", engine, "index", demo / "labels.csv", "--images", tmp_path / "images",
            "--store", store,
        )  # fmt: skip
        created = cxr("--engine", engine, "create", "nodule", "normal", "--store", store)
        found = cxr(f"--engine={engine}", "find", "nodule", "--format", "csv", "--store", store)
        again = cxr("--engine", engine, "reproduce", "nodule-vs-normal", "--store", store)
        said[engine] = [
            (ran.returncode, ran.stdout.replace(str(store), "STORE"), ran.stderr)
            for ran in (index, created, found, again)
        ]
    assert [code for code, _, _ in said["duckdb"]] == [0, 0, 0, 0]
    assert said["duckdb"] == said["local[2]"]
    assert said["duckdb"] == said[connect_server.address]


def test_nobody_waits_for_a_server_that_is_gone(
    odd_data: ExperimentData, connect_server: Server
) -> None:
    """A process that used a Spark Connect server ends when it wants to, also without the server."""
    script = (
        "import os, signal, sys; from cxr_duck import ExperimentData\n"
        "data = ExperimentData(store=sys.argv[1], engine=sys.argv[2])\n"
        "print(data.find('nodule').num_rows)\n"
        "os.killpg(int(sys.argv[3]), signal.SIGKILL)\n"
    )
    words = [str(odd_data.store.path), connect_server.address, str(connect_server.pid)]
    ran = subprocess.run(
        [sys.executable, "-c", script, *words],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (0, "2\n"), ran


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--engine", "sparc", "find", "nodule"], "'sparc' is no engine: take duckdb, spark"),
        (["--engine", "spark", "why", "x.png"], "cxr why runs on DuckDB"),
        (["--engine", "spark://nowhere.invalid:7077", "find", "nodule"], "nowhere.invalid"),
        (["--engine", "sc://localhost:9", "find", "nodule"], "no answer within 20 s"),
        (["--engine", "sc://localhost:port", "find", "nodule"], "can't be reached"),
    ],
)
def test_an_engine_that_is_none(words: list[str], sentence: str, tmp_path: Path, cxr: Cxr) -> None:
    """One sentence and exit code 1."""
    if words[2] == "find":
        labels = write_labels(tmp_path / "labels.csv", USUAL_ROWS[:2])
        ExperimentData(labels_csv=labels, store=tmp_path / "store").create_index()
    ran = cxr(*words, "--store", tmp_path / "store")
    assert ran.returncode == 1, ran
    assert ran.stdout == ""
    assert ran.stderr.startswith("Error: ")
    assert sentence in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1


def test_one_engine_a_process(session: "SparkSession", tmp_path: Path) -> None:
    """Another master than the one that runs is refused, not silently taken for it."""
    labels = write_labels(tmp_path / "labels.csv", USUAL_ROWS[:2])
    data = ExperimentData(labels_csv=labels, store=tmp_path / "store", engine="local[1]")
    with pytest.raises(CxrError, match=r"runs in this process on local\[2,4\] already"):
        data.create_index()
    assert not (tmp_path / "store").exists()
