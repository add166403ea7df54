"""A store at a URL that Spark reads and writes, and DuckDB where it is mounted."""

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cxr_duck import ExperimentData
from cxr_duck.store.invariants import run_checks
from cxr_duck.store.store import Store
from tests.support.label_rows import repository, write_labels
from tests.support.spark_sessions import put_defaults, shared_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytest.importorskip("pyspark", reason="stores at a URL: needs pyspark")
pytestmark = pytest.mark.spark

URL = "viewfs://cluster/films/store"
LINK = "fs.viewfs.mounttable.cluster.link./films"
RECIPE = {"term_list": ["normal", "not-normal"], "pure": True, "hierarchy": "paper"}


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that stands for viewfs://cluster/films."""
    return tmp_path_factory.mktemp("films")


@pytest.fixture(scope="module")
def session(mounted: Path) -> "SparkSession":
    """A session whose Hadoop knows the folder by its URL."""
    session = shared_session()
    session.sparkContext._jsc.hadoopConfiguration().set(LINK, mounted.as_uri())
    return session


def test_store_that_spark_reads_by_its_url(
    session: "SparkSession", mounted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Label files are indexed into a URL by Spark's workers; DuckDB finds the same there."""
    monkeypatch.setenv("CXR_MOUNTS", f"viewfs://cluster/films={mounted}")
    rows = repository(60, [["nodule"], ["normal"], ["nodule", "mass"]])
    here = ExperimentData(store=tmp_path / "store")
    there = ExperimentData(store=URL, engine=session)
    for number, part in enumerate((rows[:40], rows[30:]), start=1):
        here.labels_csv = there.labels_csv = write_labels(tmp_path / f"{number}.csv", part)
        assert there.create_index() == here.create_index()
    found = there.find("nodule AND NOT mass")
    assert found.num_rows == 20
    assert sorted(found["image_id"].to_pylist()) == sorted(
        here.find("nodule AND NOT mass")["image_id"].to_pylist()
    )
    same = "SELECT * FROM images ORDER BY image_id"
    assert (
        ExperimentData(store=mounted / "store").sql(same).to_pylist() == here.sql(same).to_pylist()
    )
    assert not [check for check in run_checks(Store(mounted / "store")) if check.rows]
    assert not list((mounted / "store/data").rglob("scratch"))


def test_a_dataset_of_a_store_at_a_url(
    session: "SparkSession",
    mounted: Path,
    demo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Images are tested, a dataset is made and made again there as here; DuckDB makes it too."""
    monkeypatch.setenv("CXR_MOUNTS", f"viewfs://cluster/films={mounted}")
    images, labels = demo / "images", demo / "labels.csv"
    here = ExperimentData(images, labels, store=tmp_path / "store")
    there = ExperimentData(images, labels, store=f"{URL}-of-demo", engine=session)
    for data in (here, there):
        data.create_index()
    checked, expected = there.check_integrity(), here.check_integrity()
    assert checked.counts == expected.counts
    assert checked.problems.to_pylist() == expected.problems.to_pylist()
    made = there.create_dataset(**RECIPE, name="paper")
    assert made.digest == here.create_dataset(**RECIPE, name="paper").digest
    assert there.reproduce("paper").same
    assert there.dataset("paper").members.to_pylist() == made.members.to_pylist()
    on_duckdb = ExperimentData(store=mounted / "store-of-demo")
    assert on_duckdb.reproduce("paper").same
    assert not [check for check in run_checks(on_duckdb.store) if check.rows]
    left = {path.relative_to(on_duckdb.store.path).parts[0] for path in _files(on_duckdb)}
    assert left == {"cxr.duckdb", "data", "record"}


def test_the_command_line_at_a_url(demo: Path, tmp_path: Path) -> None:
    """Spark's own configuration says what the URL is, $CXR_MOUNTS where Python finds it."""
    (tmp_path / "films").mkdir()
    link = f"spark.hadoop.{LINK} {(tmp_path / 'films').as_uri()}"
    environment = {
        **os.environ,
        **put_defaults(tmp_path / "conf", link),
        "CXR_MOUNTS": f"viewfs://cluster/films={tmp_path / 'films'}",
        "CXR_STORE": URL,
    }
    said = []
    for words in (
        ["--engine", "local[2]", "index", demo / "labels.csv"],
        ["--engine", "local[2]", "create", "nodule", "normal"],
        ["--engine", "local[2]", "reproduce", "nodule-vs-normal"],
        ["reproduce", "nodule-vs-normal"],
        ["reproduce", "nodule-vs-normal", "--store", tmp_path / "films/store"],
    ):
        command = [sys.executable, "-m", "cxr_duck", *map(str, words)]
        said.append(
            subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=600, check=False
            )
        )
    assert [ran.returncode for ran in said] == [0, 0, 0, 1, 0], said
    assert said[0].stdout == f"600 images, 1,092 postings, 0 rejects in {URL}\n"
    digest = said[1].stdout.split()[-1]
    assert said[2].stdout == said[4].stdout
    assert said[2].stdout.endswith(f"digest {digest}\n")
    assert said[3].stderr.startswith("Error: ")
    assert [ran.stderr for ran in (said[0], said[2], said[4])] == ["", "", ""]


def _files(data: ExperimentData) -> list[Path]:
    return [path for path in data.store.path.rglob("*") if path.is_file()]
