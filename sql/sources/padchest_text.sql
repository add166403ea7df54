-- refused_text: one row per refused record of PadChest's label file: its fields as CSV text.
-- reads: refusals, label_rows_numbered
WITH fields AS (
    SELECT
        row,
        [
            source_row, "ImageID", "ImageDir", "StudyDate_DICOM", "StudyID", "PatientID",
            "PatientBirth", "PatientSex_DICOM", "ViewPosition_DICOM", "Projection",
            "MethodProjection", "Pediatric", "Modality_DICOM", "Manufacturer_DICOM",
            "PhotometricInterpretation_DICOM", "PixelRepresentation_DICOM",
            "PixelAspectRatio_DICOM", "SpatialResolution_DICOM", "BitsStored_DICOM",
            "WindowCenter_DICOM", "WindowWidth_DICOM", "Rows_DICOM", "Columns_DICOM",
            "XRayTubeCurrent_DICOM", "Exposure_DICOM", "ExposureInuAs_DICOM", "ExposureTime",
            "RelativeXRayExposure_DICOM", "ReportID", "Report", "MethodLabel", "Labels",
            "Localizations", "LabelsLocalizationsBySentence", "labelCUIS", "LocalizationsCUIS"
        ] AS record,
    FROM label_rows_numbered
    SEMI JOIN refusals USING (row)
)

SELECT
    row,
    array_to_string(
        list_transform(
            record,
            lambda field: CASE
                WHEN regexp_matches(field, '[",\n\r]')
                    THEN concat('"', replace(field, '"', '""'), '"')
                ELSE coalesce(field, '')
            END
        ),
        ','
    ) AS raw,
FROM fields;
