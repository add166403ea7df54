"""The check of images on Spark: what it finds is what the threads of one machine find."""

import importlib.util
import io
import os
import platform
import signal
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow
import pytest
from PIL import Image

from cxr_duck import ExperimentData
from cxr_duck.engines import choice
from cxr_duck.engines.spark import engines
from cxr_duck.engines.spark import image_files as spark_files
from cxr_duck.engines.spark.image_files import each_on_spark
from cxr_duck.engines.spread import ImageFile, Row, Spread
from cxr_duck.errors import CxrError, ImagesError, StageError
from cxr_duck.images.surveys import runs
from cxr_duck.images.surveys.check import Integrity
from tests.images.test_zips import film, write_zip
from tests.support.label_rows import USUAL, write_labels
from tests.support.spark_sessions import shared_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytest.importorskip("pyspark")
pytestmark = [
    pytest.mark.spark,
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
]

SCHEMA = pyarrow.schema([("image_id", pyarrow.string()), ("bytes", pyarrow.int64())])
FILES = [ImageFile(f"{number:03d}", None, number, None) for number in range(100)]


@pytest.fixture(scope="module")
def session() -> "SparkSession":
    """Two workers; a task is tried four times, as on a cluster."""
    return shared_session()


@pytest.fixture
def odd_films(tmp_path: Path) -> Path:
    """Files of all kinds below images/, sound, damaged and missing, and labels.csv of them."""
    images = tmp_path / "images"
    films = {f"{number:02d}.png": film(number, 40) for number in range(24)}
    films["03.png"] = films["03.png"][:-40]
    films["04.png"] = films["04.png"].replace(b"IDAT", b"IDAZ", 1)
    films["05.png"] = b""
    films["06.png"] = b"no film"
    jpeg = io.BytesIO()
    Image.new("L", (60, 50), 90).save(jpeg, "JPEG")
    films["07.jpg"] = jpeg.getvalue()
    films["08.jpg"] = jpeg.getvalue()[:-30]
    if importlib.util.find_spec("pydicom"):
        from tests.images.test_dicom import film as dicom_film

        films["09.dcm"] = dicom_film()
        films["10.dcm"] = dicom_film()[:-100]
    names = sorted(films)
    write_zip(images / "1.zip", {name: films.pop(name) for name in names[12:]})
    for name, content in films.items():
        (images / name).write_bytes(content)
    rows = [{**USUAL, "ImageID": name, "ImageDir": "1"} for name in [*names, "99.png"]]
    write_labels(tmp_path / "labels.csv", rows)
    return tmp_path


def indexed(folder: Path, store: Path) -> ExperimentData:
    """Return the data of a folder with images/ and labels.csv, indexed into a store of its own."""
    data = ExperimentData(folder / "images", folder / "labels.csv", store=store)
    data.create_index()
    return data


def check(data: ExperimentData, session: "SparkSession | None" = None, **how: bool) -> Integrity:
    """Check the images of a store, on Spark where a session is given."""
    engine = "duckdb" if session is None else session
    return ExperimentData(data.images_dir, store=data.store.path, engine=engine).check_integrity(
        **how
    )


def checks(data: ExperimentData) -> list[Row]:
    """Return what is known of each file."""
    rows: list[Row] = data.sql("SELECT * FROM checks ORDER BY image_id").to_pylist()
    return rows


def told(integrity: Integrity) -> tuple[Any, ...]:
    """Return all that a check tells."""
    return integrity.tested, integrity.counts, integrity.problems.to_pylist()


def done(
    session: "SparkSession", work: Callable[[ImageFile], Row], files: Sequence[ImageFile] = FILES
) -> list[Row]:
    """Return the rows that Spark's workers make of files, by their ids."""
    lots = each_on_spark(session, files, work, SCHEMA)
    return sorted((row for lot in lots for row in lot), key=lambda row: row["image_id"])


def row_of(file: ImageFile) -> Row:
    """Return a row of SCHEMA."""
    return {"image_id": file.image_id, "bytes": file.bytes}


def test_the_demo_is_found_the_same(session: "SparkSession", demo: Path, tmp_path: Path) -> None:
    """Spark's workers find in 600 films what the threads here find, quickly and in full."""
    local, remote = indexed(demo, tmp_path / "local"), indexed(demo, tmp_path / "remote")
    for how in ({"quick": True}, {}, {"full": True}):
        found = check(local, **how), check(remote, session, **how)
        assert told(found[0]) == told(found[1])
        assert checks(local) == checks(remote)
        assert found[0].counts["damaged"] > 3


def test_odd_files_are_found_the_same(
    session: "SparkSession", odd_films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Damaged and missing files, members of zips, JPEG and DICOM; a folder given by a short path.

    A second check reads what has changed alone.
    """
    monkeypatch.chdir(odd_films)
    monkeypatch.setattr(spark_files, "_FILES_A_TASK", 3)
    short = Path()
    local, remote = indexed(short, tmp_path / "local"), indexed(short, tmp_path / "remote")
    for tested in (len(checks_of(odd_films)), 1):
        found = check(local), check(remote, session)
        assert told(found[0]) == told(found[1])
        assert found[1].tested == tested
        assert checks(local) == checks(remote)
        (odd_films / "images" / "07.jpg").write_bytes(b"another")
    reasons = {row["reason"] for row in checks(remote)}
    assert {"missing", "empty", "truncated", "not an image"} <= reasons


def checks_of(folder: Path) -> list[Row]:
    """Return the images of a folder whose file is there."""
    data = indexed(folder, folder / "counted")
    rows: list[Row] = data.sql("SELECT image_id FROM images WHERE path IS NOT NULL").to_pylist()
    return rows


def test_any_number_of_files(session: "SparkSession", monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file is worked on once, in batches and tasks of any size; none make no row."""
    for first, task in ((1, 1), (7, 3), (64, 16), (200, 500)):
        monkeypatch.setattr(spark_files, "_FIRST", first)
        monkeypatch.setattr(spark_files, "_FILES_A_TASK", task)
        for count in (0, 1, 8, 100):
            assert done(session, row_of, FILES[:count]) == [row_of(file) for file in FILES[:count]]


def test_a_task_without_files(session: "SparkSession") -> None:
    """A partition with no rows answers none."""
    task = spark_files._Crew(session, row_of, SCHEMA)._task
    files = session.createDataFrame(spark_files._listing(FILES[:1])).drop("place")
    answers = files.repartition(4).mapInArrow(
        task, "image_id string, bytes long, a string, b string"
    )
    assert answers.toArrow().to_pylist() == [{**row_of(FILES[0]), "a": None, "b": None}]


@pytest.mark.parametrize(
    ("files", "seconds", "following"),
    [(64, 1.0, 256), (64, 0.0, 256), (1000, 10.0, 1000), (1000, 40.0, 250), (5, 100.0, 1),
     (90_000, 1.0, 100_000)],
)  # fmt: skip
def test_batches_take_about_as_long(files: int, seconds: float, following: int) -> None:
    """A batch grows fourfold at most, shrinks at once, and is never empty."""
    assert spark_files._next_size(files, seconds) == following


def _raising(file: ImageFile) -> Row:
    if file.image_id == "070":
        raise ValueError("it is odd\nin two lines")
    return row_of(file)


def _lacking(file: ImageFile) -> Row:
    import nowhere_to_be_found  # noqa: F401

    return row_of(file)


def _refusing(file: ImageFile) -> Row:
    raise ImagesError("no folder here")


def _dying(file: ImageFile) -> Row:
    os._exit(7)


@pytest.mark.parametrize(
    ("work", "error", "sentence"),
    [
        (
            _raising, StageError,
            f"070 can't be worked on at {platform.node()} (ValueError: it is odd)",
        ),
        (
            _lacking, StageError,
            "Spark's workers lack something (No module named 'nowhere_to_be_found'): install "
            "cxr-duck on each of them, with the same extras as here, in the Python that "
            "$PYSPARK_PYTHON names",
        ),
        (_refusing, ImagesError, "no folder here"),
        (
            _dying, StageError,
            "Spark gave up on the image files (Python worker exited unexpectedly "
            "(crashed)): what was done is kept, and the same command goes on",
        ),
    ],
)  # fmt: skip
def test_an_error_is_one_sentence(
    session: "SparkSession", work: Callable[[ImageFile], Row], error: type[CxrError], sentence: str
) -> None:
    """Whatever fails on a worker ends the run with an error of this package, of one line."""
    with pytest.raises(error) as raised:
        done(session, work)
    assert str(raised.value) == sentence


def test_what_was_done_before_an_error_is_handed_on(session: "SparkSession") -> None:
    """The rows that were made before one failed come first."""
    made: list[Row] = []
    with pytest.raises(StageError):
        for lot in each_on_spark(session, FILES, _raising, SCHEMA):
            made += lot
    assert {row["image_id"] for row in made} >= {f"{number:03d}" for number in range(64)}
    assert "070" not in {row["image_id"] for row in made}


def test_workers_without_the_package(
    session: "SparkSession", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers whose Python lacks a library, and those that lack this package, are told as that."""
    bare = tmp_path / "bare"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    bare.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setattr(session.sparkContext, "pythonExec", str(bare))
        with pytest.raises(
            StageError, match=r"lack something \(No module named '(pyarrow|duckdb)'\)"
        ):
            done(session, row_of)
    gone = types.ModuleType("gone_on_workers")
    exec("def work(file): return {}", gone.__dict__)
    monkeypatch.setitem(sys.modules, gone.__name__, gone)
    with pytest.raises(StageError, match=r"No module named 'gone_on_workers'\): install cxr-duck"):
        done(session, gone.work)


@pytest.mark.parametrize("empty", [False, True], ids=["gone", "empty"])
def test_a_folder_that_workers_dont_see(
    session: "SparkSession",
    odd_films: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    empty: bool,
) -> None:
    """Where the folder of images is not there, or not mounted, no image is told to be missing."""
    data = indexed(odd_films, tmp_path / "store")
    folder = odd_films / "images"

    def behind(spread: Spread) -> Spread:
        def spread_later(*given: Any) -> Iterator[Sequence[Row]]:
            folder.rename(odd_films / "elsewhere")
            if empty:
                folder.mkdir()
            try:
                yield from spread(*given)
            finally:
                if empty:
                    folder.rmdir()
                (odd_films / "elsewhere").rename(folder)

        return spread_later

    monkeypatch.setattr(choice, "here", behind(choice.here))
    monkeypatch.setattr(engines, "each_on_spark", behind(each_on_spark))
    for where in (None, session):
        with pytest.raises(ImagesError) as raised:
            check(data, where)
        assert str(raised.value) == (
            f"{folder} is not there, or is empty, on {platform.node()}: every machine that reads "
            "the images must see the same folder at the same path"
        )
        assert checks(data) == []


def test_a_worker_that_is_killed(session: "SparkSession", tmp_path: Path) -> None:
    """The files of a Python worker that is killed are worked on by another, each once."""
    killed = tmp_path / "killed"

    def work(file: ImageFile) -> Row:
        if file.image_id == "033" and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return row_of(file)

    assert done(session, work) == [row_of(file) for file in FILES]
    assert killed.exists()


def test_a_run_that_is_left_stops_the_workers(session: "SparkSession", tmp_path: Path) -> None:
    """Who breaks a run off, as with an interruption, leaves no job behind."""

    def work(file: ImageFile) -> Row:
        import time

        time.sleep(0 if file.image_id < "064" else 0.1)
        return row_of(file)

    results = each_on_spark(session, FILES * 10, work, SCHEMA)
    assert len(next(iter(results))) == 64
    results.close()  # type: ignore[attr-defined]
    assert session.sparkContext.statusTracker().getActiveJobsIds() == []


_CONNECTED = """
import os, sys, time
from pathlib import Path
from pyspark.sql import SparkSession
from cxr_duck import ExperimentData
from cxr_duck.engines.spark import image_files
from cxr_duck.images.surveys import check, runs
from tests.support.spark_sessions import CONFIGURATION

os.environ |= {"PYSPARK_PYTHON": sys.executable, "SPARK_TESTING": "1"}  # on a port of its own
builder = SparkSession.builder.remote("local[2]")
for setting in CONFIGURATION.items():
    builder = builder.config(*setting)
def slow(folder, file, quick):
    if file.image_id >= "10":
        time.sleep(5)
    return judge(folder, file, quick)

judge = check.examine_file
folder, whole, half = map(Path, sys.argv[1:])
try:
    session = builder.getOrCreate()
    assert "connect" in type(session).__module__
    ExperimentData(folder, store=whole, engine=session).check_integrity()
    check.examine_file = slow
    runs._PART_SECONDS = 0
    image_files._FIRST = 4
    ExperimentData(folder, store=half, engine=session).check_integrity()
finally:
    os._exit(1)  # nobody waits for Spark's threads
"""


def test_connected_and_killed(session: "SparkSession", odd_films: Path, tmp_path: Path) -> None:
    """By Spark Connect it is the same; a run that is killed goes on where it was, on any engine."""
    local, whole, half = (
        indexed(odd_films, tmp_path / name) for name in ("local", "whole", "half")
    )
    check(local)
    stores = whole.store.path, half.store.path
    parts = half.store.path / ".runs" / "check"
    with subprocess.Popen(
        [sys.executable, "-c", _CONNECTED, odd_films / "images", *stores],
        stderr=subprocess.DEVNULL,
        cwd=Path(runs.__file__).parents[3],
        start_new_session=True,
    ) as process:
        while not list(parts.glob("*.parquet")) and process.poll() is None:
            time.sleep(0.05)
        assert process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)
    assert checks(whole) == checks(local)
    assert checks(half) == []
    rows = sum(pyarrow.parquet.read_metadata(part).num_rows for part in parts.glob("*.parquet"))
    found = check(half, session)
    assert 0 < rows <= 10
    assert found.tested == len(checks_of(odd_films)) - rows
    assert checks(half) == checks(local)
