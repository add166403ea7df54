"""Spark's executors and workers that die while they work don't harm the result."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.spark_kills import ExecutorKiller, cluster_session, kill_executors

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
    query = (
        "SELECT id % 7 AS rest, count(DISTINCT id * id % 1000003) AS squares "
        "FROM numbers GROUP BY 1"
    )
    session.range(0, 3_000_000, 1, 8).createOrReplaceTempView("numbers")
    expected = sorted(session.sql(query).collect())
    before = set(killer.executors())
    with killer.killing() as killed:
        assert sorted(session.sql(query).collect()) == expected
    assert set(killed) < before
    assert killed


def test_executors_that_die_during_each_part_of_the_course(
    session: "SparkSession", demo: Path, tmp_path: Path
) -> None:
    """Index, create and check come out as with DuckDB, one executor killed in each of them."""
    assert len(kill_executors(tmp_path, demo, session, seed=1)) == 3
