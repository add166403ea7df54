"""Identifiers that a spreadsheet rounded, and those that may be wrong."""

from pathlib import Path

import pytest

from cxr_duck import ExperimentData
from cxr_duck.errors import LabelFileError
from tests.conftest import Run
from tests.support.label_rows import repository, write_labels

ROUNDED = [
    "6.88495E+38", "6,88495E+38", "6.88495e+38", "1E+20", "-2.5E+12", "6.88495E38",
    "688495012345678000000000000000000000000", "1234567890123456700000000000", "1e+16",
    "688495012345678000000000000.0",
]  # fmt: skip
WHOLE = [
    "12e45", "5E10", "p1", "100000000", "688495012345678901234567890123456789012", "e+5", "1.5",
    "1.2.840.113619.2.5", "123456789012345670000001", "0", "2014-03-05",
]  # fmt: skip


@pytest.mark.sampled
@pytest.mark.parametrize("value", ROUNDED)
@pytest.mark.parametrize("column", ["PatientID", "StudyID", "ReportID"])
def test_rounded_identifiers_are_refused(tmp_path: Path, column: str, value: str) -> None:
    """A file with an identifier in the form of a rounded number is refused as a whole."""
    rows = repository(6, [["nodule"]])
    data = ExperimentData(
        labels_csv=write_labels(tmp_path / "labels.csv", rows[:3]), store=tmp_path / "store"
    )
    data.create_index()
    rows[4][column] = value
    data.labels_csv = write_labels(tmp_path / "more.csv", rows)
    with pytest.raises(
        LabelFileError, match=rf"in 1 row, .*the first: row 5, {column} {value[0]}.*: take the file"
    ):
        data.create_index()
    assert data.count("nodule") == 3


@pytest.mark.sampled
@pytest.mark.parametrize("value", WHOLE)
def test_other_identifiers_are_taken(tmp_path: Path, value: str) -> None:
    """What is no rounded number is an identifier, with digits and letters in any order."""
    rows = repository(2, [["nodule"]])
    rows[1]["PatientID"] = rows[1]["StudyID"] = value
    data = ExperimentData(
        labels_csv=write_labels(tmp_path / "labels.csv", rows), store=tmp_path / "store"
    )
    assert data.create_index()["added"] == 2


NEAR = [
    ("abc 1", "ABC1"),
    ("0042", "42"),
    ("42.0", "42"),
    ("p\t7", "p7"),
]


@pytest.mark.sampled
@pytest.mark.parametrize(("one", "other"), NEAR)
@pytest.mark.parametrize("column", ["PatientID", "StudyID"])
def test_near_identifiers_are_told(
    tmp_path: Path, cxr: Run, column: str, one: str, other: str
) -> None:
    """Identifiers that differ in writing alone are named when the second of them comes in."""
    rows = repository(4, [["nodule"]])
    rows[0][column], rows[3][column] = one, other
    store = tmp_path / "store"
    first = write_labels(tmp_path / "first.csv", rows[:2])
    assert cxr("index", first, "--store", store).err == ""
    ran = cxr("index", write_labels(tmp_path / "second.csv", rows[2:]), "--store", store)
    name = {"PatientID": "patient_id", "StudyID": "study_id"}[column]
    assert ran.code == 0
    assert ran.err.startswith(f"1 identifier may be wrong, such as {name} ")
    tested = cxr("check-store", "--store", store)
    assert (tested.code, tested.out.endswith("nothing broken\n")) == (0, True)
    assert name in tested.out
    (note,) = [check for check in ExperimentData(store=store).check_store() if check.note]
    assert note.rows == [
        (name, sorted([one, other]), "they differ in blanks, case, zeros before or .0 behind alone")
    ]


def test_study_of_two_patients_is_told(tmp_path: Path, cxr: Run) -> None:
    """The id of a study that has several patients is named, with them."""
    rows = repository(3, [["nodule"]])
    rows[2]["StudyID"] = rows[0]["StudyID"]
    ran = cxr("index", write_labels(tmp_path / "l.csv", rows), "--store", tmp_path / "store")
    assert ran.err == (
        "1 identifier may be wrong, such as study_id study0: it has several patients: patient0, "
        "patient2; all: cxr check-store\n"
    )


def test_identifiers_that_differ_are_not_told(demo_data: ExperimentData) -> None:
    """Nothing is said of identifiers that differ in more than writing."""
    assert not [check for check in demo_data.check_store() if check.rows]
