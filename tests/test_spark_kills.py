"""Spark's executors and workers that die while they work don't harm the result."""

import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cxr_duck import ExperimentData
from cxr_duck.engines.spark_files import each_on_spark
from cxr_duck.images.integrity import check_images
from tests.spark_kills import ExecutorKiller, cluster_session, state

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytest.importorskip("pyspark")
pytestmark = [
    pytest.mark.spark,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="it finds processes in /proc"),
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator["SparkSession"]:
    """Two executors, each a process of its own."""
    with cluster_session(tmp_path_factory.mktemp("cluster")) as session:
        yield session


def test_an_executor_that_dies_in_a_shuffle(session: "SparkSession") -> None:
    """What an executor had in hand, and what it had kept for others, is made anew."""
    killer = ExecutorKiller(session, random.Random(1))
    query = "SELECT id % 7 AS rest, count(DISTINCT id * id % 1000003) AS squares FROM numbers GROUP BY 1"
    session.range(0, 3_000_000, 1, 8).createOrReplaceTempView("numbers")
    expected = sorted(session.sql(query).collect())
    before = set(killer.executors())
    with killer.killing() as killed:
        assert sorted(session.sql(query).collect()) == expected
    assert set(killed) < before
    assert killed


def test_an_executor_that_dies_during_a_check(
    session: "SparkSession", own_demo: ExperimentData, demo: Path, tmp_path: Path
) -> None:
    """Each file is told of once, and as the threads of one machine tell of it."""
    other = ExperimentData(demo / "images", demo / "labels.csv", store=tmp_path / "other")
    other.create_index()
    with ExecutorKiller(session, random.Random(2)).killing() as killed:
        check_images(other.store, demo / "images", spread=partial(each_on_spark, session))
    assert killed
    check_images(own_demo.store, demo / "images")
    assert state(own_demo.store.path) == state(other.store.path)
