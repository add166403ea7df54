"""The rows of the label file: patients, studies and images with their columns."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from cxr_duck.sources.demo.films import Exposure, Finding
from cxr_duck.sources.demo.oddities import Patient
from cxr_duck.sources.demo.population import draw_patients
from cxr_duck.sources.demo.reports import Report, term_cuis
from cxr_duck.sources.demo.vocabulary import LEAVES

__all__ = ["MISSING", "Row", "body_and_film", "draw_rows"]

MISSING = "missing"
_FLAWS = ("truncated", "empty", "wrong signature", "flipped byte", "zeroed block", *[MISSING] * 3)

_PEOPLE, _BODIES, _FILMS = range(3)  # streams of chance
_FIRST_DAY, _DAYS = date(2009, 1, 1), 3200
_DIGITS = (36, 37, 38, 39)  # of an identifier, in turn
_VIEW_POSITIONS = {
    "PA": ("POSTEROANTERIOR", "PA", ""),
    "L": ("LATERAL", "LL", ""),
    "AP": ("AP", "ANTEROPOSTERIOR"),
    "AP_horizontal": ("AP", ""),
}
_WINDOWS = {
    12: (("2047.0", "4096.0"), ("2047.5", "4095.0"), ("None", "None")),
    10: (("5.115000e+02", "1.024000e+03"), ("511.0", "1024.0")),
}
_WAYS = {
    "MethodProjection": (*["Manual review of DICOM fields"] * 9, "Made-up network"),
    "Modality_DICOM": ("CR", "DX", "CR"),
    "Manufacturer_DICOM": ("MadeUpImaging", "MadeUpMedicalSystems"),
    "PhotometricInterpretation_DICOM": ("MONOCHROME2",),
    "PixelRepresentation_DICOM": ("0", "0.0"),
    "PixelAspectRatio_DICOM": ("None", "['1', '1']"),
}


@dataclass(frozen=True)
class Row:
    """A row of the label file, and what it takes to draw its film."""

    columns: dict[str, str]
    patient: int
    exposure: Exposure
    findings: tuple[Finding, ...]
    film: int = 0
    flaw: str = ""  # what is wrong with the file, '' where nothing is

    @property
    def woman(self) -> bool:
        """Whether the patient is a woman."""
        return self.columns["PatientSex_DICOM"] == "F"


def body_and_film(row: Row, seed: int) -> tuple[np.random.Generator, np.random.Generator]:
    """Return the chance of a patient's body and that of one film, whatever was drawn before."""
    return _chance(seed, _BODIES, row.patient), _chance(seed, _FILMS, row.film)


def draw_rows(images: int, seed: int) -> list[Row]:
    """Draw the rows of a label file in its order."""
    rng = _chance(seed, _PEOPLE, 0)
    cuis = term_cuis()
    prefix = str(rng.integers(3 * 10**16, 10**17))  # as a DOUBLE, all identifiers are alike
    drafts = [
        row
        for number, patient in enumerate(draw_patients(images, rng), start=1)
        for row in _patient_rows(patient, number, prefix, cuis, _chance(seed, _PEOPLE, number))
    ]
    flaws = _flaws(drafts, rng)
    folders = 4 + images // 2000
    rows, source_row = list[Row](), 0
    for place, film in enumerate(rng.permutation(len(drafts)).tolist()):
        source_row += int(rng.integers(1, 4))
        head = {"": str(source_row), "ImageDir": str(place * folders // len(drafts))}
        technical = _technical(drafts[film].exposure, place, rng)
        columns = head | drafts[film].columns | technical
        rows.append(replace(drafts[film], columns=columns, film=film, flaw=flaws.get(film, "")))
    return rows


def _chance(seed: int, stream: int, number: int) -> np.random.Generator:
    return np.random.default_rng([seed % (1 << 64), stream, number])


def _flaws(rows: list[Row], rng: np.random.Generator) -> dict[int, str]:
    """Return what is wrong with which film: lateral ones, and some that show signs of COPD."""
    able = []
    for place, row in enumerate(rows):
        findings = {finding for finding, _ in row.findings}
        copd = "COPD signs" in findings and not findings & LEAVES.keys()
        if copd or row.exposure.projection == "L":
            able.append(place)
    chosen = rng.permutation(len(able))[: len(_FLAWS)]
    return {able[place]: flaw for place, flaw in zip(chosen.tolist(), _FLAWS, strict=True)}


def _patient_rows(
    patient: Patient, number: int, prefix: str, cuis: dict[str, str], rng: np.random.Generator
) -> Iterator[Row]:
    """Yield the rows of a patient's images, whose columns do not depend on the file's order."""
    person = _person(patient, number, prefix, rng)
    days = np.sort(rng.choice(_DAYS, len(patient.studies), replace=False)).tolist()
    for order, (study, day) in enumerate(zip(patient.studies, days, strict=True), start=1):
        said = study.report.columns(cuis) | {
            "StudyID": _identifier(number + order, prefix, rng),
            "StudyDate_DICOM": f"{_FIRST_DAY + timedelta(days=day):%Y%m%d}",
            "ReportID": str(rng.integers(10**6, 10**7)),
        }
        for view, projection in enumerate(study.projections, start=1):
            serial = int(rng.integers(1, 200))
            image_id = f"demo_{number:07d}_{order:02d}-{view:03d}-{serial:03d}.png"
            yield Row(
                {"ImageID": image_id, **person, **said},
                number,
                _exposure(projection, rng),
                tuple(_findings(study.report)),
            )


def _person(patient: Patient, number: int, prefix: str, rng: np.random.Generator) -> dict[str, str]:
    birth = "" if rng.random() < 0.03 else f"{rng.integers(1920, 1990)}.0"
    sex = "F" if rng.random() < 0.48 else "M"
    return {
        "PatientID": _identifier(number, prefix, rng),
        "PatientBirth": birth if patient.birth is None else patient.birth,
        "PatientSex_DICOM": patient.sex or sex,
        "Pediatric": "PED" if patient.child else "No",
    }


def _identifier(number: int, prefix: str, rng: np.random.Generator) -> str:
    rest = _DIGITS[number % len(_DIGITS)] - len(prefix)
    return prefix + "".join(str(digit) for digit in rng.integers(10, size=rest))


def _findings(report: Report) -> Iterator[Finding]:
    for sentence in report.sentences:
        for finding in sentence.findings:
            yield finding, sentence.localizations


def _exposure(projection: str, rng: np.random.Generator) -> Exposure:
    height, width = int(rng.integers(400, 465)), int(rng.integers(368, 433))
    if projection == "L":
        width -= 32
    return Exposure(height, width, projection, 12 if rng.random() < 0.7 else 10)


def _technical(exposure: Exposure, place: int, rng: np.random.Generator) -> dict[str, str]:
    """Return what a machine writes; where there are several ways to write it, they take turns."""
    windows = _WINDOWS[exposure.bits]
    center, width = windows[place % len(windows)]
    values = {
        "Projection": exposure.projection,
        "SpatialResolution_DICOM": str(round(430 / exposure.width, 3)),
        "BitsStored_DICOM": str(exposure.bits),
        "WindowCenter_DICOM": center,
        "WindowWidth_DICOM": width,
        "Rows_DICOM": str(exposure.height),
        "Columns_DICOM": str(exposure.width),
    }
    ways = {
        "ViewPosition_DICOM": _VIEW_POSITIONS.get(exposure.projection, ("nan", "")),
        **_WAYS,
        "XRayTubeCurrent_DICOM": (f"{rng.integers(100, 400)}.0", "nan", "None"),
        "Exposure_DICOM": ("", f"{rng.integers(1, 12)}.0"),
        "ExposureInuAs_DICOM": (f"{rng.integers(1000, 12000)}.0", "None"),
        "ExposureTime": (f"{rng.integers(4, 40)}.0", "", "nan"),
        "RelativeXRayExposure_DICOM": ("None", f"{rng.integers(100, 2500)}.0"),
    }
    return values | {column: texts[place % len(texts)] for column, texts in ways.items()}
