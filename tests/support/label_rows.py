"""A hand-written label file: every oddity of PadChest's stands in it once. All of it is made up."""

import csv
import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import Any

COLUMNS = [
    "", "ImageID", "ImageDir", "StudyDate_DICOM", "StudyID", "PatientID", "PatientBirth",
    "PatientSex_DICOM", "ViewPosition_DICOM", "Projection", "MethodProjection", "Pediatric",
    "Modality_DICOM", "Manufacturer_DICOM", "PhotometricInterpretation_DICOM",
    "PixelRepresentation_DICOM", "PixelAspectRatio_DICOM", "SpatialResolution_DICOM",
    "BitsStored_DICOM", "WindowCenter_DICOM", "WindowWidth_DICOM", "Rows_DICOM", "Columns_DICOM",
    "XRayTubeCurrent_DICOM", "Exposure_DICOM", "ExposureInuAs_DICOM", "ExposureTime",
    "RelativeXRayExposure_DICOM", "ReportID", "Report", "MethodLabel", "Labels", "Localizations",
    "LabelsLocalizationsBySentence", "labelCUIS", "LocalizationsCUIS",
]  # fmt: skip

USUAL: dict[str, str] = {
    "": "7", "ImageDir": "0", "StudyDate_DICOM": "20140305", "StudyID": "s1", "PatientID": "p1",
    "PatientBirth": "1950.0", "PatientSex_DICOM": "F", "ViewPosition_DICOM": "PA",
    "Projection": "PA", "MethodProjection": "Manual review of DICOM fields", "Pediatric": "No",
    "Modality_DICOM": "CR", "Manufacturer_DICOM": "MadeUpMachines",
    "PhotometricInterpretation_DICOM": "MONOCHROME2", "PixelRepresentation_DICOM": "0",
    "PixelAspectRatio_DICOM": "None", "SpatialResolution_DICOM": "0.2", "BitsStored_DICOM": "12",
    "WindowCenter_DICOM": "2047.0", "WindowWidth_DICOM": "4095.0", "Rows_DICOM": "2000",
    "Columns_DICOM": "1760", "XRayTubeCurrent_DICOM": "250", "Exposure_DICOM": "2",
    "ExposureInuAs_DICOM": "2500", "ExposureTime": "10", "RelativeXRayExposure_DICOM": "-1.2",
    "ReportID": "1", "Report": "sin hallazg .", "MethodLabel": "Physician",
    "Labels": "['normal']", "Localizations": "[]", "LabelsLocalizationsBySentence": "[['normal']]",
    "labelCUIS": "['C0205307']", "LocalizationsCUIS": "[]",
}  # fmt: skip

# (what stands in the row, findings that come of it, localizations that come of it)
ODDITIES: list[tuple[dict[str, str], list[str], list[str]]] = [
    ({}, ["normal"], []),
    ({"Labels": "nan", "labelCUIS": "nan"}, [], []),
    ({"Labels": ""}, [], []),
    ({"Labels": "[]"}, [], []),
    ({"MethodLabel": "RNN_model", "Labels": "['']"}, [], []),
    ({"MethodLabel": "RNN_model", "Labels": "['', '']"}, [], []),
    (
        {"MethodLabel": "RNN_model", "Labels": "['infiltrates', ' pneumonia', '', 'infiltrates ']"},
        ["infiltrates", "pneumonia"],
        [],
    ),
    ({"Labels": "['exclude']"}, ["exclude"], []),
    ({"Labels": "['exclude', 'normal']"}, ["normal"], []),
    ({"Labels": "['nodule', 'exclude']"}, ["nodule"], []),
    ({"Labels": "['normal', 'scoliosis']"}, ["scoliosis"], []),
    ({"Labels": "['normal', 'normal']"}, ["normal"], []),
    ({"Labels": "['exclude', 'normal', 'unchanged']"}, ["unchanged"], []),
    ({"Labels": "['suboptimal study', 'normal']"}, ["suboptimal study"], []),
    ({"Labels": "['COPD signs', 'Chilaiditi sign']"}, ["COPD signs", "Chilaiditi sign"], []),
    ({"Labels": "[\"Bochdalek's hernia\", 'nodule']"}, ["Bochdalek's hernia", "nodule"], []),
    ({"Labels": "['a','b']"}, ["a", "b"], []),
    (
        {
            "Labels": "['pulmonary fibrosis', 'chronic changes']",
            "Localizations": "['loc right', 'loc basal', 'loc right']",
            "LabelsLocalizationsBySentence": "[['pulmonary fibrosis', 'loc basal'], nan]",
            "LocalizationsCUIS": "['C0444532' '']",
        },
        ["chronic changes", "pulmonary fibrosis"],
        ["loc basal", "loc right"],
    ),
    (
        {
            "Labels": "['surgery', 'fracture', 'mass']",
            "labelCUIS": "['C0000001' 'C0000002' 'C0000003' 'C0000004' 'C0000005' 'C0000006'\n"
            " 'C0000007' 'C0000008' '']",
        },
        ["fracture", "mass", "surgery"],
        [],
    ),
    ({"Report": 'derram pleural , "izquierd" aument ; corazón ñ .\ndos lineas'}, ["normal"], []),
]


def rows_of(oddities: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """Return label rows: the usual values, an own image id, and what is odd."""
    return [
        {**USUAL, "ImageID": f"image{number:03d}.png", **odd} for number, odd in enumerate(oddities)
    ]


def write_labels(path: Path, rows: Iterable[dict[str, Any]], columns: list[str] = COLUMNS) -> Path:
    """Write label rows as CSV, gzipped where the name ends in .gz."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def repository(
    patients: int, findings: list[list[str]], images_each: int = 1
) -> list[dict[str, str]]:
    """Return label rows of patients who have the given findings in turn."""
    rows = []
    for patient in range(patients):
        labels = findings[patient % len(findings)]
        for image in range(1 + patient % images_each):
            rows.append(
                {
                    "ImageID": f"p{patient:05d}_{image}.png",
                    "PatientID": f"patient{patient}",
                    "StudyID": f"study{patient}",
                    "Labels": str(labels),
                }
            )
    return [{**USUAL, **row} for row in rows]
