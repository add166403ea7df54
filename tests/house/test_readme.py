"""The README can't lie: its transcripts are run, its tables and commands are those that exist."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from cxr_duck import ExperimentData
from cxr_duck.datasets.recipes.options_table import options_table
from cxr_duck.engines.stages import SQL_FOLDER
from tests.cli.test_cli import COMMANDS
from tests.support.forks import forks
from tests.support.readme import README, blocks
from tests.support.spark_sessions import put_defaults

# Drawing a film costs as much as a look-up: those of the demo repository are there already.
_FILMS_FROM = """
import shutil
from pathlib import Path
import cxr_duck.sources.demo
def copied(folder, row, seed):
    name = f"{{row.columns['ImageDir']}}/{{row.columns['ImageID']}}"
    shutil.copyfile(Path({images!r}, name), folder / name)
cxr_duck.sources.demo._write_film = copied
"""


@pytest.mark.long
def test_transcripts(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each command typed in an empty folder, in the README's order, prints what stands there."""
    if not (Path(sys.executable).with_name("duckdb").exists() or shutil.which("duckdb")):
        pytest.skip("no DuckDB shell here: pip install duckdb-cli")
    assert len(blocks(spark=False)) > 5
    folder, commands = (tmp_path_factory.mktemp(name) for name in ("typed", "commands"))
    with forks(_FILMS_FROM.format(images=str(demo / "images"))) as server:
        server.put_command(commands)
        for block in blocks(spark=False):
            assert block.run(folder, commands) == block.text


@pytest.mark.spark
def test_transcripts_on_spark(
    demo: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for the commands on Spark, in the folder that the first transcript leaves."""
    pytest.importorskip("pyspark", reason="the transcripts on Spark: needs pyspark")
    first, *others = blocks(spark=True)
    on_spark = [block for block in others if block.kind.endswith("spark")]
    assert on_spark
    folder, commands = (tmp_path_factory.mktemp(name) for name in ("typed", "commands"))
    for name, value in put_defaults(commands / "conf").items():
        monkeypatch.setenv(name, value)
    with forks(_FILMS_FROM.format(images=str(demo / "images"))) as server:
        server.put_command(commands)
        for block in [first, *on_spark]:
            assert block.run(folder, commands) == block.text


def test_every_command_is_named() -> None:
    """A command without a word in the README is not there for its users."""
    text = README.read_text(encoding="utf-8")
    assert not [command for command in COMMANDS if f"cxr {command}" not in text]


def test_every_relation_is_named(odd_data: ExperimentData) -> None:
    """Every view and table of the store stands in the README."""
    text = README.read_text(encoding="utf-8")
    rows = odd_data.sql("SELECT schema, name FROM (SHOW ALL TABLES)").to_pylist()
    names = [
        row["name"] if row["schema"] == "main" else f"{row['schema']}.{row['name']}" for row in rows
    ]
    assert not [name for name in names if f"`{name}`" not in text]


def test_every_folder_of_sql_is_named() -> None:
    """`ls sql/` is explained."""
    text = README.read_text(encoding="utf-8")
    folders = [path.name for path in SQL_FOLDER.iterdir() if any(path.glob("*.sql"))]
    assert not [name for name in folders if not re.search(rf"sql/{name}\b", text)]


def test_the_table_of_options_is_the_definition_s() -> None:
    """The table of a recipe's options is the one that `options_table` makes."""
    assert options_table() in README.read_text(encoding="utf-8")
