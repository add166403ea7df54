"""Label files that are none: each gets one clear sentence, and nothing is written."""

import gzip
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.support.label_rows import COLUMNS, rows_of, write_labels


def text_of(columns: list[str] = COLUMNS) -> bytes:
    """Return a header line."""
    return (",".join(columns) + "\n").encode()


ROW = b"," * 35 + b"\n"

BAD: list[tuple[str, bytes | None, str]] = [
    ("absent.csv", None, "does not exist: give the path of the label file"),
    ("empty.csv", b"", "is empty: give a label file with a header and rows"),
    ("blank.csv", b"\n \n", "is empty"),
    ("header.csv", text_of(), "has no row below its header"),
    ("letter.csv", b"Dear colleague,\nhere is\n", "lacks the column ImageID, Labels, Labels"),
    ("photo.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is no CSV text in UTF-8"),
    ("sheet.csv", b"PK\x03\x04", "is a zip archive: give it as CSV in UTF-8"),
    ("wide.csv", text_of().decode().encode("utf-16"), "is UTF-16: give it as CSV in UTF-8"),
    ("latin.csv", "Projección,x\n1,2\n".encode("latin-1"), "is no CSV text in UTF-8"),
    (
        "semicolons.csv",
        text_of().replace(b",", b";") + ROW.replace(b",", b";"),
        "separates its fields by semicolons, as line 1 shows, not by commas: save it with commas",
    ),
    ("twice.csv", text_of([*COLUMNS, "Labels"]) + ROW, "has the column Labels twice"),
    ("broken.csv.gz", gzip.compress(text_of() + ROW)[:-9], "is a damaged gzip file"),
    ("garbled.csv.gz", b"\x1f\x8b" + b"garbled garbled", "is a damaged gzip file"),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD, ids=[bad[0] for bad in BAD])
def test_bad_label_file(
    tmp_path: Path, cxr: Run, name: str, content: bytes | None, message: str
) -> None:
    """A file that is no label file: one sentence, exit 1, no store."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    ran = cxr("index", tmp_path / name, "--store", tmp_path / "store")
    assert ran.code == 1
    assert message in ran.err
    assert ran.err.startswith("Error: ")
    assert ran.err.count("\n") == 1
    assert ran.out == ""
    assert not (tmp_path / "store").exists()


def test_folder_as_label_file(tmp_path: Path, cxr: Run) -> None:
    """A folder in place of a label file is told."""
    ran = cxr("index", tmp_path, "--store", tmp_path / "store")
    assert (ran.code, ran.out) == (1, "")
    assert "is a folder: give the path of the label file in it" in ran.err


@pytest.mark.parametrize("column", ["PatientID", "Labels", "LabelsLocalizationsBySentence"])
def test_missing_column(tmp_path: Path, cxr: Run, column: str) -> None:
    """A column without which nothing can be indexed is named."""
    columns = [name for name in COLUMNS if name != column]
    labels = write_labels(tmp_path / "labels.csv", rows_of([{}]), columns)
    ran = cxr("index", labels, "--store", tmp_path / "store")
    assert ran.code == 1
    assert f"lacks the column {column} of a padchest label file" in ran.err


def test_columns_that_can_be_done_without(tmp_path: Path, cxr: Run) -> None:
    """A column of measurements may be absent, one of one's own present: both are said."""
    columns = [name for name in COLUMNS if name != "ExposureTime"] + ["my note"]
    labels = write_labels(tmp_path / "labels.csv", rows_of([{"my note": "x"}]), columns)
    ran = cxr("index", labels, "--store", tmp_path / "store")
    assert ran.code == 0
    assert "lacks the columns ExposureTime: they are NULL in images" in ran.err
    assert "has columns of its own, kept as text in images: my note" in ran.err


def test_no_row_can_be_read(tmp_path: Path, cxr: Run) -> None:
    """A file of which every row is refused publishes nothing and says why."""
    labels = write_labels(tmp_path / "labels.csv", rows_of([{"PatientID": ""}]))
    ran = cxr("index", labels, "--store", tmp_path / "store")
    assert ran.code == 1
    assert "has no row that can be read; the first: row 1: no PatientID" in ran.err
    assert not (tmp_path / "store" / "cxr.duckdb").exists()


def test_gzip_cut_in_the_middle(tmp_path: Path, cxr: Run) -> None:
    """A large gzip file that ends early is no short label file."""
    import random

    noise = random.Random(1)
    rows = rows_of({"Report": f"{noise.random()}" * 4} for _ in range(30_000))
    labels = write_labels(tmp_path / "labels.csv.gz", rows)
    labels.write_bytes(labels.read_bytes()[:-200_000])
    ran = cxr("index", labels, "--store", tmp_path / "store")
    assert ran.code == 1
    assert "is a damaged gzip file" in ran.err or "can't be read" in ran.err
    assert ran.err.count("\n") == 1
    assert not (tmp_path / "store" / "cxr.duckdb").exists()


def test_images_folder_that_is_none(tmp_path: Path, cxr: Run) -> None:
    """A folder of images that isn't there is told before anything is written."""
    labels = write_labels(tmp_path / "labels.csv", rows_of([{}]))
    ran = cxr("index", labels, "--images", tmp_path / "films", "--store", tmp_path / "store")
    assert ran.code == 1
    assert "films is no folder: give the folder that holds the images" in ran.err
    assert not (tmp_path / "store").exists()
