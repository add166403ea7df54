"""DuckDB's own shell on a store: the views and tables, from any working directory."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cxr_duck import ExperimentData
from cxr_duck.engines.stages import all_stages, stage
from cxr_duck.errors import CxrError, QueryError
from cxr_duck.index.removal import remove_images
from cxr_duck.progress import SILENT
from tests.support.label_rows import ODDITIES


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
        ("experiments", "allocation"), ("experiments", "context"), ("experiments", "dataset"),
        ("experiments", "datasets"), ("experiments", "experiment"), ("experiments", "finding"),
        ("experiments", "image"), ("experiments", "members"),
        ("experiments", "quota"), ("experiments", "recorded_images"), ("main", "checks"),
        ("main", "coded_postings"),
        ("main", "damaged_images"), ("main", "data_files"), ("main", "extra_files"),
        ("main", "fingerprints"), ("main", "image_files"), ("main", "images"),
        ("main", "label_cuis"), ("main", "listed_files"), ("main", "missing_files"),
        ("main", "postings"), ("main", "publications"), ("main", "record_files"),
        ("main", "refused_files"), ("main", "rejects"), ("main", "removed_images"),
        ("main", "repeated_files"), ("main", "store_format"), ("main", "term_ancestors"),
        ("main", "terms"), ("main", "twin_members"), ("main", "twin_pairs"), ("main", "twins"),
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


POSTING = (
    "SELECT image_id, patient_id, study_id, postings.localizations, known_by "
    "FROM postings JOIN images USING (image_id)"
)
# A call, and the query on the views and tables that it stands for.
MACROS = [
    (
        "images_of('laminar atelectasis')",
        f"{POSTING} WHERE finding = 'laminar atelectasis'",
    ),
    ("images_of(finding := 'normal')", f"{POSTING} "
     "WHERE finding = 'normal'"),
    (
        "below('linear', 'paper')",
        "SELECT descendant AS term, distance FROM term_ancestors "
        "WHERE hierarchy = 'paper' AND ancestor = 'linear'",
    ),
    (
        "below(term := 'pleural effusion')",
        "SELECT descendant AS term, distance FROM term_ancestors "
        "WHERE hierarchy = 'padchest' AND ancestor = 'pleural effusion'",
    ),
    (
        "localized('nodule', 'right')",
        f"{POSTING} "
        "WHERE finding = 'nodule' AND list_contains(postings.localizations, 'loc right')",
    ),
    (
        "localized(finding := 'nodule', localization := 'loc right')",
        f"{POSTING} "
        "WHERE finding = 'nodule' AND list_contains(postings.localizations, 'loc right')",
    ),
    (
        "dataset_images(dataset := 'shapes')",
        "SELECT class, split, image_id, patient_id, list_sort(list(finding)) AS findings "
        "FROM experiments.members WHERE dataset = 'shapes' GROUP BY ALL",
    ),
]  # fmt: skip
# A call that can't be answered, and the sentence that says why.
MISTAKES = [
    ("images_of('nodul')", "no image has the finding 'nodul': did you mean nodule?"),
    ("images_of('zzz')", "no image has the finding 'zzz': SELECT DISTINCT finding FROM postings "
     "shows all"),
    ("images_of(NULL)", "no image has the finding '': SELECT DISTINCT finding FROM postings "
     "shows all"),
    ("images_of('not-normal')", "'not-normal' is a term that no image has as its finding: "
     "FROM below('not-normal') has those below it"),
    ("localized('nodul', 'right')", "no image has the finding 'nodul': did you mean nodule?"),
    ("localized('nodule', 'rihgt')", "there is no localization 'rihgt': did you mean right?"),
    ("localized('nodule', 'zzz')", "there is no localization 'zzz': FROM below('localization') "
     "shows all"),
    ("below('nodulr', 'paper')", "the hierarchy paper has no term 'nodulr': "
     "did you mean nodular, nodule?"),
    ("below('zzz', hierarchy := 'paper')", "the hierarchy paper has no term 'zzz': "
     "FROM terms shows all"),
    ("below('nodule', 'papir')", "there is no hierarchy 'papir': take one of padchest, paper"),
    ("dataset_images('shape')", "the store has no dataset 'shape': it has shapes"),
]  # fmt: skip


@pytest.fixture(scope="module")
def shapes(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> ExperimentData:
    """The demo repository with one recorded dataset, in a store that was moved."""
    folder = tmp_path_factory.mktemp("shapes")
    data = ExperimentData(labels_csv=demo / "labels.csv", store=folder / "store")
    data.create_index()
    data.create_dataset(["linear", "nodular"], hierarchy="paper", name="shapes")
    data.store.close()
    shutil.move(folder / "store", folder / "moved")
    return ExperimentData(store=folder / "moved")


@pytest.mark.sampled
@pytest.mark.parametrize(("call", "query"), MACROS, ids=[call for call, _ in MACROS])
def test_macros(shapes: ExperimentData, tmp_path: Path, call: str, query: str) -> None:
    """A macro says what its query says: in the shell, in cxr sql, and with named parameters."""
    wanted = shapes.sql(f"FROM ({query}) ORDER BY ALL").to_pylist()
    assert wanted
    assert shapes.sql(f"FROM {call} ORDER BY ALL").to_pylist() == wanted
    asked = f"FROM {call} ORDER BY ALL"
    assert ask(shapes.store.catalog.absolute(), asked, tmp_path, "-readonly") == wanted


def test_macros_take_columns_and_parameters(shapes: ExperimentData, tmp_path: Path) -> None:
    """A macro may be given a column of a relation beside it, or a bound value."""
    wanted = [{"word": word, "images": len(shapes.index[word])} for word in ("granuloma", "nodule")]
    query = (
        "SELECT word, count(*) AS images FROM (VALUES ('nodule'), ('granuloma')) AS words (word), "
        "images_of(words.word) GROUP BY word ORDER BY word"
    )
    assert shapes.sql(query).to_pylist() == wanted
    assert ask(shapes.store.catalog.absolute(), query, tmp_path, "-readonly") == wanted
    bound = shapes.store.cursor().execute("SELECT count(*) FROM images_of(?)", ["nodule"])
    assert bound.fetchall() == [(wanted[1]["images"],)]


@pytest.mark.parametrize(("call", "sentence"), MISTAKES, ids=[call for call, _ in MISTAKES])
def test_macro_with_a_mistake(shapes: ExperimentData, call: str, sentence: str) -> None:
    """What a macro doesn't know is an error with a sentence, whatever the query around it keeps."""
    column = "term" if call.startswith("below") else "image_id"
    for query in (f"SELECT count(*) FROM {call}", f"FROM {call} WHERE {column} = 'nowhere'"):
        with pytest.raises(CxrError) as told:
            shapes.sql(query)
        assert str(told.value) == f"the query can't be run: {sentence}"


def test_mistake_in_the_shell(shapes: ExperimentData, tmp_path: Path) -> None:
    """The shell prints the sentence and fails."""
    ran = subprocess.run(
        [shell(), "-readonly", shapes.store.catalog.absolute(), "-c", "FROM images_of('nodul')"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 1
    assert "no image has the finding 'nodul': did you mean nodule?" in ran.stderr


def test_macros_of_an_attached_store(shapes: ExperimentData, tmp_path: Path) -> None:
    """Attached to another database, the macros work once the store is the one in use."""
    store = shapes.store.path.absolute()
    query = (
        f"SET VARIABLE cxr_store = '{store}'; ATTACH '{store}/cxr.duckdb' AS cxr (READ_ONLY); "
        "USE cxr; SELECT (SELECT count(*) FROM images_of('nodule')) AS n, "
        "(SELECT count(*) FROM below('linear', 'paper')) AS m"
    )
    nodules = shapes.sql("SELECT count(*) AS n FROM postings WHERE finding = 'nodule'").to_pylist()
    assert ask(Path(":memory:"), query, tmp_path) == [{**nodules[0], "m": 3}]


def test_macros_stay_when_the_index_is_made_again(own_demo: ExperimentData, tmp_path: Path) -> None:
    """What is indexed later is what the macros read."""
    remove_images(own_demo.store, "age < 40", SILENT)
    left = own_demo.sql("SELECT count(*) AS n FROM postings WHERE finding = 'nodule'").to_pylist()
    asked = "SELECT count(*) AS n FROM images_of('nodule')"
    assert ask(own_demo.store.catalog.absolute(), asked, tmp_path, "-readonly") == left


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


@pytest.mark.sampled
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


@pytest.mark.sampled
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
