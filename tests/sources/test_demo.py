"""The made-up repository: PadChest's form with every oddity, and films that look the part."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cxr_duck import ExperimentData, make_demo
from tests.conftest import Run
from tests.support.label_rows import COLUMNS

# What must occur in a label file, whatever its size: the column, and a pattern of its text.
ODDITIES = [
    ("PatientID", r"^\d{39}$"),
    ("PatientBirth", r"^\d{4}\.0$"),
    ("PatientBirth", r"^$"),
    ("PatientSex_DICOM", r"^O$"),
    ("PatientSex_DICOM", r"^nan$"),
    ("Pediatric", r"^PED$"),
    ("WindowCenter_DICOM", r"^5\.115000e\+02$"),
    ("WindowCenter_DICOM", r"^None$"),
    ("PixelAspectRatio_DICOM", r"^\['1', '1'\]$"),
    ("labelCUIS", r"^\['C\d+'( 'C\d+')+\]$"),
    ("labelCUIS", r"''"),
    ("labelCUIS", r"\n"),
    ("Labels", r"^nan$"),
    ("Labels", r"^\[''\]$"),
    ("Labels", r"' \w"),
    ("Labels", r"^\['exclude'\]$"),
    ("Labels", r"^\['unchanged'\]$"),
    ("Labels", r"'suboptimal study'"),
    ("Labels", r"'COPD signs'.*"),
    ("Labels", r"'Chilaiditi sign'"),
    ("Labels", r"'NSG tube'"),
    ("Labels", r"'double J stent'"),
    ("Labels", r"'surgery'"),
    ("Labels", r"'normal', |, 'normal'"),
    ("Labels", r"'exclude', |, 'exclude'"),
    ("LabelsLocalizationsBySentence", r"^\[\["),
    ("LabelsLocalizationsBySentence", r"^\['"),
    ("LabelsLocalizationsBySentence", r"[\[ ]nan[\],]"),
    ("LabelsLocalizationsBySentence", r" side'"),
    ("LabelsLocalizationsBySentence", r"'', 'loc "),
    ("Report", r","),
    ("Report", r'"'),
    ("Report", r"[áéíóúñ]"),
    *(("Projection", rf"^{view}$") for view in
      ("PA", "L", "AP_horizontal", "AP", "COSTAL", "EXCLUDE", "UNK")),
]  # fmt: skip


def rows_of(folder: Path) -> list[dict[str, str]]:
    """Return the label rows of a made-up repository."""
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        assert reader.fieldnames == COLUMNS
        return list(reader)


@pytest.fixture(scope="module")
def smallest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest repository that can be made."""
    folder = tmp_path_factory.mktemp("smallest") / "demo"
    make_demo(folder, images=60)
    return folder


@pytest.mark.parametrize(("column", "pattern"), ODDITIES)
def test_every_oddity_occurs(smallest: Path, column: str, pattern: str) -> None:
    """Even the smallest repository has every oddity of PadChest's label file."""
    assert any(re.search(pattern, row[column]) for row in rows_of(smallest))


def test_old_row_numbers_have_gaps(smallest: Path) -> None:
    """The first column has an empty name and numbers that are not contiguous."""
    numbers = [int(row[""]) for row in rows_of(smallest)]
    assert len(set(numbers)) == len(numbers)
    assert max(numbers) - min(numbers) >= len(numbers)


def test_patients_would_merge_as_floats(smallest: Path) -> None:
    """Several patients' ids are equal once they are read as floating-point numbers."""
    patients = {row["PatientID"] for row in rows_of(smallest)}
    assert len({float(patient) for patient in patients}) < len(patients)


def test_images_of_a_study_share_its_report(demo: Path) -> None:
    """Labels belong to the report, patients have several studies, studies several images."""
    studies: dict[str, set[tuple[str, ...]]] = {}
    patients: dict[str, set[str]] = {}
    for row in rows_of(demo):
        report = (row["PatientID"], row["Report"], row["Labels"], row["StudyDate_DICOM"])
        studies.setdefault(row["StudyID"], set()).add(report)
        patients.setdefault(row["PatientID"], set()).add(row["StudyID"])
    assert all(len(reports) == 1 for reports in studies.values())
    assert max(len(found) for found in patients.values()) > 2
    assert len(studies) < len(rows_of(demo))


def test_films(demo: Path) -> None:
    """Films are 16-bit gray PNGs of the size that the label file says, dark lungs in a body."""
    whole = damaged = missing = 0
    for row in rows_of(demo):
        path = demo / "images" / row["ImageDir"] / row["ImageID"]
        if not path.exists():
            missing += 1
            continue
        try:
            with Image.open(path) as film:
                assert film.mode == "I;16"
                assert film.size == (int(row["Columns_DICOM"]), int(row["Rows_DICOM"]))
                pixels = np.asarray(film)
        except (OSError, SyntaxError):
            damaged += 1
            continue
        whole += 1
        assert pixels.max() > 2**14
        if row["Projection"] == "PA":
            height, width = pixels.shape
            lung = pixels[height * 4 // 10, width * 3 // 10]
            spine = pixels[height * 4 // 10, width // 2]
            assert lung < spine
    assert missing == 3
    assert 3 <= damaged <= 5  # Pillow passes some kinds of damage
    assert whole + damaged + missing == 600


@pytest.mark.full
def test_same_seed_same_bytes(smallest: Path, tmp_path: Path) -> None:
    """A repository made again is the same to the byte; another seed gives another."""
    make_demo(tmp_path / "again", images=60)
    make_demo(tmp_path / "other", images=60, seed=2)
    names = sorted(p.relative_to(smallest) for p in smallest.rglob("*") if p.is_file())
    assert names == sorted(
        p.relative_to(tmp_path / "again") for p in (tmp_path / "again").rglob("*") if p.is_file()
    )
    assert all((smallest / n).read_bytes() == (tmp_path / "again" / n).read_bytes() for n in names)
    other = (tmp_path / "other" / "labels.csv").read_bytes()
    assert other != (smallest / "labels.csv").read_bytes()


def test_everything_is_read(demo_data: ExperimentData) -> None:
    """No row of it is refused, and those without a file are marked."""
    counts = demo_data.sql(
        "SELECT (SELECT count(*) FROM rejects) AS rejects, "
        "count(*) FILTER (NOT present) AS missing FROM images"
    ).to_pylist()
    assert counts == [{"rejects": 0, "missing": 3}]


def test_refusals(tmp_path: Path, cxr: Run) -> None:
    """A folder that holds something, a file in its place, and too few images are refused."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    ran = cxr("demo", tmp_path / "full")
    assert (ran.code, ran.out) == (1, "")
    assert "full is not empty: give a new folder" in ran.err
    ran = cxr("demo", tmp_path / "full" / "mine")
    assert "mine is no folder: give a new one" in ran.err
    assert cxr("demo", tmp_path / "few", "--images", "5").code == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["full"]
