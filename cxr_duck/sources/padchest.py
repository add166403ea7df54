"""PadChest: its columns, its SQL, its terms of use and how it is cited."""

from cxr_duck.sources.source import Source

__all__ = ["CITATION", "PADCHEST", "TERMS_URL"]

TERMS_URL = "https://bimcv.cipf.es/bimcv-projects/padchest/"

CITATION = """@article{bustos2020padchest,
  title = {PadChest: A large chest x-ray image dataset with multi-label annotated reports},
  author = {Bustos, Aurelia and Pertusa, Antonio and Salinas, Jose-Maria and
            de la Iglesia-Vay{\\'a}, Maria},
  journal = {Medical Image Analysis},
  volume = {66},
  pages = {101797},
  year = {2020},
  doi = {10.1016/j.media.2020.101797}
}"""

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
