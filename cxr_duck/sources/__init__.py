"""The repositories that can be indexed: one adapter each, with its columns and its SQL."""

from dataclasses import dataclass

__all__ = ["PADCHEST", "Source"]


@dataclass(frozen=True)
class Source:
    """How a repository writes its label file.

    `columns` are the label file's own names, in no particular order; `required` those without
    which nothing can be indexed. `stage` is the SQL that casts and cleans a record; it names its
    columns as `columns` does. `sentences` is the SQL that tells the sentences of a record's report
    apart.
    """

    name: str
    stage: str
    sentences: str
    columns: tuple[str, ...]
    required: frozenset[str]
    null_words: tuple[str, ...]


PADCHEST = Source(
    name="padchest",
    stage="padchest",
    sentences="padchest_sentences",
    columns=(
        "ImageID",
        "ImageDir",
        "StudyDate_DICOM",
        "StudyID",
        "PatientID",
        "PatientBirth",
        "PatientSex_DICOM",
        "ViewPosition_DICOM",
        "Projection",
        "MethodProjection",
        "Pediatric",
        "Modality_DICOM",
        "Manufacturer_DICOM",
        "PhotometricInterpretation_DICOM",
        "PixelRepresentation_DICOM",
        "PixelAspectRatio_DICOM",
        "SpatialResolution_DICOM",
        "BitsStored_DICOM",
        "WindowCenter_DICOM",
        "WindowWidth_DICOM",
        "Rows_DICOM",
        "Columns_DICOM",
        "XRayTubeCurrent_DICOM",
        "Exposure_DICOM",
        "ExposureInuAs_DICOM",
        "ExposureTime",
        "RelativeXRayExposure_DICOM",
        "ReportID",
        "Report",
        "MethodLabel",
        "Labels",
        "Localizations",
        "LabelsLocalizationsBySentence",
        "labelCUIS",
        "LocalizationsCUIS",
    ),
    required=frozenset(
        {
            "ImageID",
            "StudyID",
            "PatientID",
            "Projection",
            "MethodLabel",
            "Labels",
            "Localizations",
            "LabelsLocalizationsBySentence",
        }
    ),
    null_words=("", "nan", "None"),
)
