"""Columns that a label file has beyond its source's, and values that can't be: kept as text."""

from pathlib import Path

import pytest

from cxr_duck import ExperimentData
from cxr_duck.errors import QueryError
from tests.conftest import Run
from tests.support.label_rows import COLUMNS, USUAL, repository, write_labels

OWN = ["Scanner", "study arm"]


def labelled(folder: Path, name: str = "labels.csv", patients: int = 60) -> Path:
    """A label file with two columns of its own, one of them with a blank in its name."""
    rows = repository(patients, [["nodule"], ["normal"]])
    for number, row in enumerate(rows):
        row["Scanner"] = ["north", "south", ""][number % 3]
        row["study arm"] = f"arm {number % 2}"
    return write_labels(folder / name, rows, [*COLUMNS, *OWN])


@pytest.fixture
def owned(tmp_path: Path) -> ExperimentData:
    """That label file, indexed."""
    data = ExperimentData(labels_csv=labelled(tmp_path), store=tmp_path / "store")
    data.create_index()
    return data


def test_own_columns_are_told(tmp_path: Path, cxr: Run) -> None:
    """One line names the columns that were kept, and as what where `images` has the name."""
    rows = [{**row, "Scanner": "north", "Age": "forty"} for row in repository(2, [["nodule"]])]
    labels = write_labels(tmp_path / "labels.csv", rows, [*COLUMNS, "Scanner", "Age"])
    ran = cxr("index", labels, "--store", tmp_path / "store")
    assert ran.err == (
        "labels.csv has columns of its own, kept as text in images: Scanner, Age as own_Age\n"
    )
    (row,) = (
        ExperimentData(store=tmp_path / "store")
        .sql("SELECT Scanner, own_Age, age FROM images LIMIT 1")
        .to_pylist()
    )
    assert row == {"Scanner": "north", "own_Age": "forty", "age": 64}


def test_own_columns_are_fields(owned: ExperimentData) -> None:
    """A field of one's own is one of `images`: for conditions, queries, strata and matching."""
    assert owned.count("Scanner = north") == owned.count("scanner = north") == 20
    assert owned.count("scanner IS NULL") == 20
    assert owned.count('nodule AND "study arm" = "arm 0"') == 30
    made = owned.create_dataset(
        ["normal", "nodule"], where="Scanner <> 'south'", stratify=["Scanner"], store_it=False
    )
    assert made.members.num_rows == 20
    made = owned.create_dataset(["normal", "nodule"], match=["Scanner"], store_it=False)
    assert made.members.num_rows == 60
    with pytest.raises(QueryError, match="the values are north, south"):
        owned.count("Scanner = west")


def test_own_columns_are_explained(owned: ExperimentData) -> None:
    """The catalog says of each column what it is."""
    told = owned.sql(
        "SELECT column_name, comment FROM duckdb_columns() "
        "WHERE table_name = 'images' AND column_name IN ('Scanner', 'study arm')"
    ).to_pylist()
    assert {row["comment"] for row in told} == {"a field of the label file's own, as text"}


@pytest.mark.full
def test_label_files_with_other_columns(owned: ExperimentData, tmp_path: Path) -> None:
    """Files with other own columns, or with none, add up; a name is one in small letters too."""
    more = [
        {**row, "ImageID": f"more-{row['ImageID']}", "SCANNER": "east", "site": "9"}
        for row in repository(4, [["nodule"]])
    ]
    plain = [{**row, "ImageID": f"plain-{row['ImageID']}"} for row in repository(3, [["normal"]])]
    for name, rows, columns in (
        ("more.csv", more, [*COLUMNS, "SCANNER", "site"]),
        ("plain.csv", plain, COLUMNS),
    ):
        labels = write_labels(tmp_path / name, rows, columns)
        ExperimentData(labels_csv=labels, store=owned.store.root).create_index()
    for change in (lambda: None, owned.compact, lambda: owned.remove("site = '8'")):
        change()
        assert owned.count("scanner = east") == owned.count("site = 9") == 4
        assert owned.count("scanner = north") == 20
        assert owned.count("scanner IS NULL") == 23
    assert not [check for check in owned.check_store() if check.rows]


@pytest.mark.full
def test_same_own_columns_change_nothing(owned: ExperimentData, tmp_path: Path) -> None:
    """The same rows again, columns in another order, are unchanged; another value is a conflict."""
    assert owned.create_index()["unchanged"] == 60
    rows = repository(60, [["nodule"], ["normal"]])
    for number, row in enumerate(rows):
        row["Scanner"] = ["north", "south", ""][number % 3]
        row["study arm"] = f"arm {number % 2}"
    labels = write_labels(tmp_path / "other.csv", rows, [*reversed(OWN), *COLUMNS])
    other = ExperimentData(labels_csv=labels, store=owned.store.root)
    assert other.create_index()["unchanged"] == 60
    rows[0]["Scanner"] = "west"
    write_labels(labels, rows, [*COLUMNS, *OWN])
    assert other.create_index(replace=True)["replaced"] == 1
    assert owned.count("Scanner = west") == 1


def test_own_columns_survive_a_repair(owned: ExperimentData) -> None:
    """A catalog that is made again has the columns that the data files have fields of."""
    owned.store.close()
    owned.store.catalog.unlink()
    owned.repair()
    assert owned.count("Scanner = north") == 20


IMPLAUSIBLE = [
    # birth, date, (birth_year, age), fields
    ("1950", "20140305", (1950, 64), None),
    ("1800", "20140305", (None, None), {"PatientBirth": "1800"}),
    ("-5", "20140305", (None, None), {"PatientBirth": "-5"}),
    ("2019.0", "20140305", (None, None), {"PatientBirth": "2019.0"}),
    ("20140305", "20140305", (None, None), {"PatientBirth": "20140305"}),
    ("2014", "20140305", (2014, 0), None),
    ("1894", "20140305", (1894, 120), None),
    ("1893", "20140305", (None, None), {"PatientBirth": "1893"}),
    ("1950", "", (1950, None), None),
    ("1700", "", (None, None), {"PatientBirth": "1700"}),
    ("1950", "18900101", (1950, None), {"StudyDate_DICOM": "18900101"}),
    ("", "20140305", (None, None), None),
]


@pytest.mark.sampled
@pytest.mark.parametrize(("birth", "day", "read", "kept"), IMPLAUSIBLE)
def test_ages_that_cannot_be(
    tmp_path: Path, birth: str, day: str, read: tuple[int | None, int | None],
    kept: dict[str, str] | None,
) -> None:  # fmt: skip
    """An age below 0 or above 120, or a day before X-rays, is NULL as a number, its text kept."""
    row = {**USUAL, "ImageID": "a.png", "PatientBirth": birth, "StudyDate_DICOM": day}
    data = ExperimentData(
        labels_csv=write_labels(tmp_path / "labels.csv", [row]), store=tmp_path / "store"
    )
    data.create_index()
    (found,) = data.sql("SELECT birth_year, age, own_fields FROM images").to_pylist()
    assert (found["birth_year"], found["age"]) == read
    fields = found["own_fields"]
    assert (fields and {field["name"]: field["value"] for field in fields}) == kept


def test_values_that_cannot_be_are_counted(tmp_path: Path, cxr: Run) -> None:
    """One line a column counts them and tells how to see them; no row is refused."""
    rows = repository(6, [["nodule"]])
    for number, row in enumerate(rows):
        row["PatientBirth"] = "1799" if number % 2 else "1960"
        row["Rows_DICOM"] = "0" if number == 4 else "2000"
    labels = write_labels(tmp_path / "labels.csv", rows)
    ran = cxr("index", labels, "--store", tmp_path / "store")
    assert ran.out.startswith("6 images, 6 postings, 0 rejects")
    lines = ran.err.splitlines()
    assert [line.partition(",")[0] for line in lines] == [
        "3 rows with a PatientBirth that can't be",
        "1 row with a Rows_DICOM that can't be",
    ]
    query = lines[0].partition("cxr sql ")[2].strip("'")
    seen = cxr("sql", query, "--store", tmp_path / "store", "--format", "csv")
    assert seen.out.count("1799") == 3


def test_words_for_null_among_blanks(tmp_path: Path) -> None:
    """A word for NULL with a blank beside it is NULL in every column, as without the blank."""
    rows = repository(2, [["nodule"]])
    rows[0] |= {"Report": " nan", "PatientSex_DICOM": "None ", "Exposure_DICOM": " nan "}
    rows[1] |= {"Report": " nan nan"}
    data = ExperimentData(
        labels_csv=write_labels(tmp_path / "labels.csv", rows), store=tmp_path / "store"
    )
    data.create_index()
    found = data.sql("SELECT report, sex, exposure FROM images ORDER BY image_id").to_pylist()
    assert found[0] == {"report": None, "sex": None, "exposure": None}
    assert found[1]["report"] == " nan nan"
