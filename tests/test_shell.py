"""DuckDB's own shell on a store: the views and tables, from any working directory."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cxr_duck import ExperimentData
from cxr_duck.errors import QueryError
from cxr_duck.stages import all_stages, stage
from tests.label_rows import ODDITIES


def shell() -> str:
    """Return the shell of PyPI's duckdb-cli, or skip."""
    beside = Path(sys.executable).with_name("duckdb")
    found = str(beside) if beside.exists() else shutil.which("duckdb")
    if found is None:
        pytest.skip("no DuckDB shell here: pip install duckdb-cli")
    return found


def ask(store: Path, query: str, folder: Path, *options: str) -> list[dict[str, object]]:
    """Return the rows that the shell prints for a query, run from a folder."""
    ran = subprocess.run(
        [shell(), *options, str(store), "-json", "-c", query],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    rows: list[dict[str, object]] = json.loads(ran.stdout)
    return rows


def test_version() -> None:
    """The shell that the tests use is of version 1.5, older than the library's newest."""
    ran = subprocess.run([shell(), "--version"], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("v1.5.")


@pytest.mark.parametrize("where", ["/", "store", "parent"])
@pytest.mark.parametrize("options", [(), ("-readonly",)])
def test_any_working_directory(
    odd_data: ExperimentData, tmp_path: Path, where: str, options: tuple[str, ...]
) -> None:
    """The views find their Parquet files wherever the shell was started, and after a move."""
    moved = tmp_path / "moved" / "store"
    shutil.copytree(odd_data.store.path, moved)
    folder, path = {
        "/": (Path("/"), moved / "cxr.duckdb"),
        "store": (moved, Path("cxr.duckdb")),
        "parent": (moved.parent, Path("store/cxr.duckdb")),
    }[where]
    assert ask(path, "SELECT count(*) AS n FROM images", folder, *options) == [{"n": len(ODDITIES)}]


def test_views_and_tables(odd_data: ExperimentData, tmp_path: Path) -> None:
    """What a user of the shell finds, and that it is what the library finds."""
    catalog = odd_data.store.catalog.absolute()
    rows = ask(catalog, "SELECT schema, name FROM (SHOW ALL TABLES) ORDER BY ALL", tmp_path)
    assert [(row["schema"], row["name"]) for row in rows] == [
        ("experiments", "dataset"), ("experiments", "experiment"), ("experiments", "finding"),
        ("experiments", "image"), ("experiments", "members"), ("main", "images"),
        ("main", "postings"), ("main", "publications"), ("main", "rejects"),
        ("main", "term_ancestors"), ("main", "terms"),
    ]  # fmt: skip
    found = ask(catalog, "SELECT finding, image_id FROM postings ORDER BY ALL", tmp_path)
    assert found == odd_data.sql("SELECT finding, image_id FROM postings ORDER BY ALL").to_pylist()
    below = ask(
        catalog,
        "SELECT descendant FROM term_ancestors "
        "WHERE hierarchy = 'paper' AND ancestor = 'linear' AND distance = 1 ORDER BY ALL",
        tmp_path,
    )
    assert [row["descendant"] for row in below] == ["fibrotic band", "laminar atelectasis"]


def test_attached_store(odd_data: ExperimentData, tmp_path: Path) -> None:
    """Attached to another database, the store is found once the variable says where it is."""
    store = odd_data.store.path.absolute()
    query = (
        f"SET VARIABLE cxr_store = '{store}'; ATTACH '{store}/cxr.duckdb' AS cxr (READ_ONLY); "
        "SELECT count(*) AS n FROM cxr.images"
    )
    assert ask(Path(":memory:"), query, tmp_path) == [{"n": len(ODDITIES)}]


ASKED = [
    "nodule",
    " pleural  effusion ",
    "not nodule",
    "NOT NOT nodule",
    "nodule AND NOT normal",
    "under(infiltrates) AND NOT pneumonia OR 'scoliosis'",
    'under(infiltrates) @ under("upper lobe")',
    "nodule @ right OR nodule @ loc left AND NOT scoliosis",
    "NOT nodule AND NOT pneumonia OR nodule AND pneumonia",
    "under(not-normal) @ right @ under(lung field)",
]


@pytest.mark.parametrize("query", ASKED)
def test_find_images(demo_data: ExperimentData, tmp_path: Path, query: str) -> None:
    """The macro finds what `cxr find` finds."""
    text = query.replace("'", "''")
    rows = ask(
        demo_data.store.catalog.absolute(), f"FROM find_images('{text}')", tmp_path, "-readonly"
    )
    found = demo_data.find(query).column("image_id").to_pylist()
    assert [row["image_id"] for row in rows] == found
    assert 0 < len(found) < 600
    assert list(rows[0]) == list(stage("find_images").columns)
    here = demo_data.sql(f"SELECT image_id FROM find_images('{text}')").column("image_id")
    assert here.to_pylist() == found


REFUSED = [
    ("age >= 18", "find_images knows no fields of images"),
    ("projection IN (PA)", "find_images knows no fields of images"),
    ("nodule AND (normal OR scoliosis)", "joined by NOT, AND and OR without brackets"),
    ("nodule AND AND normal", "find_images reads findings and under(term)"),
    ("'nodule", "find_images reads findings and under(term)"),
    ("", "find_images reads findings and under(term)"),
    ("noduel OR nodule", "no image has the finding 'noduel': cxr find says"),
    ("under(noduel)", "no image has the finding 'noduel': cxr find says"),
    ("nodule @ rigth", "no image has a finding in the place 'rigth': cxr find says"),
]


@pytest.mark.parametrize(("query", "message"), REFUSED)
def test_find_images_refuses(
    demo_data: ExperimentData, tmp_path: Path, query: str, message: str
) -> None:
    """What the macro can't read, or doesn't know, is an error and never an empty answer."""
    text = query.replace("'", "''")
    for asked in (f"FROM find_images('{text}')", f"SELECT count(*) FROM find_images('{text}')"):
        ran = subprocess.run(
            [shell(), "-readonly", str(demo_data.store.catalog.absolute()), "-c", asked],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ran.returncode == 1
        assert message in ran.stderr
        with pytest.raises(QueryError) as error:
            demo_data.sql(asked)
        assert message in str(error.value)


def test_macros_have_comments(demo_data: ExperimentData) -> None:
    """Each macro of `sql/shell` is in the catalog with its card's first line."""
    rows = demo_data.sql(
        "SELECT function_name, comment FROM duckdb_functions() "
        "WHERE function_type = 'table_macro' AND NOT internal"
    ).to_pylist()
    comments = {row["function_name"]: row["comment"] for row in rows}
    assert comments == {part.name: part.grain for part in all_stages("shell")}
