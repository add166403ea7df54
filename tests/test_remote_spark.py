"""A store at a URL that Spark reads and writes, and DuckDB where it is mounted."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cxr_duck import ExperimentData
from cxr_duck.checks import run_checks
from cxr_duck.store import Store
from tests.label_rows import repository, write_labels
from tests.spark_sessions import spark_session

pytest.importorskip("pyspark", reason="needs pyspark, the extra spark")

from pyspark.sql import SparkSession

URL = "viewfs://cluster/films/store"


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that stands for viewfs://cluster/films."""
    return tmp_path_factory.mktemp("films")


@pytest.fixture(scope="module")
def session(mounted: Path) -> Iterator[SparkSession]:
    """A session whose Hadoop knows the folder by its URL."""
    with spark_session("local[2]") as session:
        hadoop = session.sparkContext._jsc.hadoopConfiguration()
        hadoop.set("fs.viewfs.mounttable.cluster.link./films", mounted.as_uri())
        yield session


def test_store_that_spark_reads_by_its_url(
    session: SparkSession, mounted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
