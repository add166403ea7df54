"""The stages on two engines: what DuckDB gives, Spark gives row for row, by the same files."""

from pathlib import Path
from shutil import copytree
from typing import Any

import duckdb
import pyarrow
import pytest

from cxr_duck import ExperimentData
from cxr_duck.engines.stages import all_stages, stage
from cxr_duck.engines.translate.to_spark import translated
from cxr_duck.errors import CxrError
from cxr_duck.index.removal import remove_images
from cxr_duck.progress import SILENT
from cxr_duck.store.compaction import compact
from tests.support.label_rows import write_labels
from tests.support.odd_cells import odd_rows, write_made_up_labels
from tests.support.spark_sessions import shared_session
from tests.support.stages import ON_DUCKDB_ALONE, ON_SPARK
from tests.support.two_engines import Asked, Recording, recording

pytest.importorskip("pyspark", reason="the stages run on Spark too: needs pyspark")
pytest.importorskip("sqlglot", reason="the stages run on Spark too: needs sqlglot")
pytest.importorskip("imagehash", reason="datasets that keep twins together: needs ImageHash")
pytestmark = pytest.mark.spark

ROWS = 20_000  # of the made-up label file; test_spark.py indexes six times as many
TIMES = {"odd": 4, "demo": 3, "many": 1}  # different inputs that a stage is compared with
# Stages that find, create and reproduce reach, with parameters.
QUERIES: dict[str, dict[str, Any]] = {
    "finding_counts": {"damaged": False},
    "finding_images": {"finding": "nodule"},
    "sound_finding_images": {"finding": "nodule"},
    "finding_postings": {"finding": "nodule"},
    "image_rejects": {"image_id": "a/b"},
    "image_postings": {"image_id": "image017.png"},
    "image_row": {"image_id": "image017.png"},
    "indexed_findings": {},
    "known_localizations": {},
    "localizations_below": {"hierarchy": "padchest", "places": ["lung field"]},
    "term_counts": {"hierarchy": "padchest", "damaged": False},
}
# Relations that others read as they lie in the store: their types are those of the files.
STORED = {"images", "postings", "rejects", "image_files", "refused_files", "checks"}
# Of a dataset's covariates and of images: Spark is not asked for them.
UNASKED = {"examples", "member_images", "cxr_images"}
SELECTS = [
    part.path.stem
    for folder in (*ON_SPARK, "query")
    for part in all_stages(folder)
    if part.sql.startswith(("SELECT", "WITH")) and part.path.stem not in ON_DUCKDB_ALONE | UNASKED
]

RECIPES: dict[str, dict[str, Any]] = {
    "first": {"term_list": ["nodule", "COPD signs"], "overlap": "first", "unit": "study"},
    "kept": {"term_list": ["nodule", "cardiomegaly"], "overlap": "keep", "unit": "patient"},
    "few": {"term_list": ["normal", "not-normal"], "per_patient": 1, "hierarchy": "paper"},
    "dated": {"term_list": ["nodule", "COPD signs"], "by_date": ["2014-01-01"], "balance": "none"},
    "apart": {
        "term_list": ["cardiomegaly", "scoliosis"], "keep_apart": "few", "seed": 7,
        "where": "frontal AND age >= 18", "balance": "none",
    },
    "drawn": {"term_list": ["normal", "not-normal"], "hierarchy": "paper", "within": "few:train"},
    "by hand": {"term_list": ["normal", "COPD signs"], "physician_test": True, "balance": "none"},
    "both": {
        "term_list": ["normal", "COPD signs"], "physician_test": True, "keep_apart": "few",
        "by_date": ["2014-01-01"], "balance": "none",
    },
    "twins": {"term_list": ["normal", "not-normal"], "hierarchy": "paper", "twins": "together"},
    "query": {
        "classes": {"old": "age > 60", "low": "under(nodule) @ right OR pneumonia"},
        "exclude": ["suboptimal study"], "pure": True, "overlap": "first",
    },
    "matched": {
        "term_list": ["normal", "not-normal"], "hierarchy": "paper", "match": ["sex", "age:20"],
        "stratify": ["year", "projection"], "size": {"train": 40}, "per_patient": 2,
    },
}  # fmt: skip


_MEMBERS = "class VARCHAR, finding VARCHAR, image_id VARCHAR, split VARCHAR"
_GROUPS = [("1", "1"), ("2", "1"), ("3", "1")]
FEEDS: dict[str, dict[str, tuple[str, list[tuple[object, ...]]]]] = {
    "rounded_ids": {
        "records": (
            "row BIGINT, patient_id VARCHAR, study_id VARCHAR, report_id VARCHAR",
            [
                (1, "6.88495E+38", "12e45", "1"),
                (2, "p", "1e+16", None),
                (3, "6,8E38", "0", "-5"),
                (4, "688495012345678000000000000000", "688495012345678901234567890", "1.0"),
            ],
        )
    },
    "doubtful_ids": {
        "images": (
            "patient_id VARCHAR, study_id VARCHAR",
            [("42", "s"), ("0042", "s"), ("42.0", "S"), ("a B", "s"), ("ab", "t"), ("c", "t ")],
        )
    },
    "same_images": {
        "class_images": (
            "class VARCHAR, image_id VARCHAR",
            [("a", "1"), ("a", "2"), ("b", "2"), ("b", "1"), ("c", "1"), ("c", "3"), ("d", "1")],
        )
    },
    "patients_with_twins": {
        "images": ("image_id VARCHAR, patient_id VARCHAR", [("1", "q"), ("2", "p"), ("3", "é")]),
        "twins": (
            "image_id VARCHAR, twin_id VARCHAR, kind VARCHAR, same_patient BOOLEAN",
            [("1", "2", "file", False), ("2", "3", "near", False), ("1", "3", "constant", False)],
        ),
    },
    "unseen_images": {
        "candidates": ("image_id VARCHAR", [("1",), ("2",), ("2",), ("3",), ("4",)]),
        "images": ("image_id VARCHAR, path VARCHAR", [("1", "a"), ("2", "b"), ("3", None)]),
        "fingerprints": ("image_id VARCHAR, path VARCHAR", [("1", "a"), ("2", "c"), ("3", None)]),
    },
    "twin_members": {
        "twins": (
            "image_id VARCHAR, twin_id VARCHAR, kind VARCHAR, twin_group VARCHAR",
            [("1", "2", "file", "1"), ("2", "3", "near", "1"), ("4", "5", "constant", "4")],
        ),
    },
    "repeated_twins": {
        "class_members": ("image_id VARCHAR", [("1",), ("1",), ("2",), ("3",), ("4",)]),
        "images_excluded_by_rule": ("image_id VARCHAR", [("3",)]),
        "twin_members": ("image_id VARCHAR, twin_group VARCHAR", _GROUPS),
    },
    "contradicting_twins": {
        "dataset_members": (
            _MEMBERS,
            [
                ("a", "f", "1", "train"),
                ("b", "f", "2", "test"),
                ("b", "f", "3", "test"),
                ("a", "f", "5", "train"),
                ("b", "f", "6", "train"),
            ],
        ),
        "twin_members": ("image_id VARCHAR, twin_group VARCHAR", _GROUPS),
        "checks": (
            "image_id VARCHAR, path VARCHAR, digest VARCHAR, verdict VARCHAR",
            [("5", "e", "same", "ok"), ("6", "f", "same", "ok"), ("3", "x", "same", "ok")],
        ),
        "images": ("image_id VARCHAR, path VARCHAR", [("5", "e"), ("6", "f"), ("3", "c")]),
    },
    "unreached_labels": {
        "postings": (
            "finding VARCHAR, image_id VARCHAR",
            [("Normal", "1"), ("Normal", "2"), ("nodule", "1"), ("é", "1"), ("named", "1")],
        ),
        "terms": ("term VARCHAR", [("nodule",)]),
        "own_terms": ("term VARCHAR", [("lung",)]),
        "class_findings": ("class VARCHAR, finding VARCHAR", [("a", "named")]),
    },
    "differences": {
        "recorded_members": (_MEMBERS, [("a", "f", "1", "train"), ("a", "f", "2", "test")]),
        "dataset_members": (_MEMBERS, [("a", "f", "1", "test"), ("b", "", "3", "é")]),
    },
}


@pytest.fixture(scope="module")
def spark() -> Any:
    """Two cores of this machine, with settings and views of their own."""
    session = shared_session().newSession()
    session.conf.set("spark.sql.session.timeZone", "UTC")
    return session


@pytest.fixture(scope="module")
def recorded(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Recording]:
    """What three runs of the pipeline asked: of odd rows, of the demo, of many made-up rows."""
    runs = {}
    for name, run in (("odd", _run_odd), ("demo", _run_demo), ("many", _run_many)):
        folder = tmp_path_factory.mktemp(name)
        (folder / "kept").mkdir()
        with recording(folder / "kept") as runs[name]:
            run(folder, demo)
    return runs


def _run_odd(folder: Path, _: Path) -> None:
    rows = odd_rows()
    labels = write_labels(folder / "labels.csv", rows)
    with labels.open("a", encoding="utf-8") as file:
        file.write("this,row,has,too,few,fields\n")
    data = ExperimentData(labels_csv=labels, store=folder / "store")
    data.create_index(allow_rejects=True)
    _query(data)
    said = {"image002.png": "2", "image003.png": "x"}
    write_labels(labels, [{**row, "ImageDir": said.get(row["ImageID"], "0")} for row in rows])
    with pytest.raises(CxrError):
        data.create_index(allow_rejects=True)
    data.create_index(replace=True, allow_rejects=True)
    remove_images(data.store, "image_id = 'image017.png' OR image_id LIKE '%x%'", SILENT)
    data.create_index(allow_rejects=True)
    data.create_index(readmit=True, allow_rejects=True)
    compact(data.store, SILENT)


def _run_demo(folder: Path, demo: Path) -> None:
    labels, images = demo / "labels.csv", folder / "images"
    copytree(demo / "images", images)
    first, second, third, *_ = sorted(images.rglob("*.png"))
    for name in ("extra.png", f"elsewhere/{first.name}"):
        (images / name).parent.mkdir(exist_ok=True)
        (images / name).write_bytes(first.read_bytes())
    (images / "broken.zip").write_bytes(b"PK")
    data = ExperimentData(images, labels, store=folder / "store")
    data.create_index()
    data.check_integrity()
    data.check_integrity()
    data.find_twins()
    second.write_bytes(third.read_bytes())
    data.create_index()
    data.find_twins()
    _query(data)
    _feed(data)
    for name, recipe in RECIPES.items():
        data.create_dataset(**recipe, name=name)
    data.reproduce("first")
    data.bundle("first", folder / "first.toml")
    remove_images(data.store, "image_id IN (FROM (SELECT max(image_id) FROM images))", SILENT)
    lacking = data.dataset("first").members["image_id"][0].as_py()
    remove_images(data.store, f"image_id = '{lacking}'", SILENT)
    data.reproduce("first")
    other = ExperimentData(labels_csv=labels, store=folder / "other")
    other.create_index()
    other.unbundle(folder / "first.toml")
    with pytest.raises(CxrError):
        data.unbundle(folder / "first.toml", name="again")


def _run_many(folder: Path, _: Path) -> None:
    labels = write_made_up_labels(folder / "labels.csv", ROWS)
    data = ExperimentData(labels_csv=labels, store=folder / "store")
    data.create_index()
    data.create_dataset(["infiltrates", "cardiomegaly"], overlap="first", unit="study", name="many")


def _query(data: ExperimentData) -> None:
    engine = data.store.duckdb()
    for name in (*QUERIES, "coded_postings", "damaged_images", "missing_files", "extra_files"):
        engine.rows(name, **QUERIES.get(name, {}))
    engine.rows("repeated_files")
    engine.put("matching", "image_id VARCHAR", [("image017.png",), ("odd0001.png",)])
    engine.rows("matching_images")


def _feed(data: ExperimentData) -> None:
    """Ask the stages that find nothing in the demo, of a few made-up rows."""
    engine = data.store.duckdb()
    for name, relations in FEEDS.items():
        for relation, (columns, rows) in relations.items():
            engine.put(relation, columns, rows)
        engine.rows(name, **({"seed": 1} if name == "repeated_twins" else {}))


def _chosen(recorded: dict[str, Recording], name: str) -> list[Asked]:
    """Return the runs of a stage that are compared: the first of each run that gave rows."""
    chosen = []
    for kind, run in recorded.items():
        asked = [asked for asked in run.asked if asked.name == name]
        chosen += sorted(asked, key=lambda asked: not asked.output.num_rows)[: TIMES[kind]]
    return chosen


_READ: dict[Path, Any] = {}  # Parquet files that were looked into before


def _types(table: pyarrow.Table, exactly: bool) -> list[tuple[str, str]]:
    """Return names and types of columns; whole numbers are all of one kind unless `exactly`."""
    return [(field.name, _type(field.type, exactly)) for field in table.schema]


def _type(kind: pyarrow.DataType, exactly: bool) -> str:
    if pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind):
        return f"list of {_type(kind.value_type, exactly)}"
    if pyarrow.types.is_dictionary(kind) or pyarrow.types.is_large_string(kind):
        return "string"
    whole = pyarrow.types.is_integer(kind) or str(kind) == "decimal128(38, 0)"
    return "whole number" if whole and not exactly else str(kind)


@pytest.mark.parametrize("name", sorted(SELECTS))
def test_stage_gives_the_same_on_spark(
    recorded: dict[str, Recording], spark: Any, name: str
) -> None:
    """Columns, types and rows are the same, in the same order where the stage gives one."""
    chosen = _chosen(recorded, name)
    assert [asked for asked in chosen if asked.output.num_rows], f"nothing feeds {name}"
    for asked in chosen:
        for relation, path in asked.inputs.items():
            read = _READ.get(path) or _READ.setdefault(path, spark.read.parquet(str(path)))
            read.createOrReplaceTempView(relation.replace(".", "_"))
        text = translated(stage(name).sql, lambda relation: relation.replace(".", "_"))
        given = spark.sql(text, args=asked.params).toArrow()
        exactly = name in STORED
        assert _types(given, exactly) == _types(asked.output, exactly)
        with duckdb.connect() as connection:
            connection.register("spark", given)
            connection.register("duck", asked.output)
            for one, other in (("duck", "spark"), ("spark", "duck")):
                only = f"FROM {one} EXCEPT ALL FROM {other}"
                assert connection.execute(f"FROM ({only}) LIMIT 3").fetchall() == [], one
        if "\nORDER BY" in stage(name).sql and given.num_rows < 1000:
            assert given.to_pylist() == asked.output.to_pylist()
