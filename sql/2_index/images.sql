-- images: one row per image of the repository.
-- reads: records, skipped_records, files, known_records
-- params: $images_given = FALSE
-- columns:
--   source                      the repository: padchest
--   image_id                    name of the image's file, unique (ImageID)
--   patient_id                  the patient, 36 to 39 digits kept as text (PatientID)
--   study_id                    the study, which has one report for all its images (StudyID)
--   study_date                  day of the study (StudyDate_DICOM)
--   image_dir                   folder or zip of the distribution that holds the image (ImageDir)
--   projection                  PA, L, AP_horizontal, AP, COSTAL, EXCLUDE or UNK (Projection)
--   frontal                     whether the projection is PA, AP or AP_horizontal
--   projection_method           how the projection was found (MethodProjection)
--   view_position               projection as the DICOM header has it (ViewPosition_DICOM)
--   sex                         M, F or O (PatientSex_DICOM)
--   birth_year                  year of birth (PatientBirth)
--   age                         whole years: year of the study less the year of birth
--   pediatric                   whether the study is a child's (Pediatric: PED or No)
--   label_method                who labelled the report: Physician or RNN_model (MethodLabel)
--   findings                    the image's findings after PadChest's clean-up of labels
--   localizations               the image's localizations, as in the label file: loc right, …
--   labels_text                 the labels as they stand in the label file (Labels)
--   label_cuis                  UMLS concepts of the labels, '' where there is none (labelCUIS)
--   localizations_text          the localizations as they stand in the file (Localizations)
--   localization_cuis           UMLS concepts of the localizations (LocalizationsCUIS)
--   sentences                   labels and localizations by sentence of the report, as they stand
--                               in the label file (LabelsLocalizationsBySentence)
--   report_id                   the report (ReportID)
--   report                      stemmed text of the report, in Spanish (Report)
--   width                       pixels (Columns_DICOM)
--   height                      pixels (Rows_DICOM)
--   bits_stored                 bits of a pixel that are used (BitsStored_DICOM)
--   pixel_representation        0 for unsigned pixels (PixelRepresentation_DICOM)
--   photometric_interpretation  MONOCHROME2: high values are white
--                               (PhotometricInterpretation_DICOM)
--   pixel_aspect_ratio          vertical and horizontal part (PixelAspectRatio_DICOM)
--   spatial_resolution          millimetres a pixel (SpatialResolution_DICOM)
--   window_center               middle of the display window (WindowCenter_DICOM)
--   window_width                width of the display window (WindowWidth_DICOM)
--   modality                    CR or DX (Modality_DICOM)
--   manufacturer                maker of the machine (Manufacturer_DICOM)
--   tube_current                milliampere (XRayTubeCurrent_DICOM)
--   exposure                    milliampere seconds (Exposure_DICOM)
--   exposure_uas                microampere seconds (ExposureInuAs_DICOM)
--   exposure_time               milliseconds (ExposureTime)
--   relative_exposure           relative X-ray exposure (RelativeXRayExposure_DICOM)
--   source_row                  the row number that the label file carries (first column)
--   path                        the image's file, below the folder given with --images
--   present                     whether that file is there, NULL where nobody looked
--   own_fields                  names and values of the label file's own columns, each of which is
--                               a column here too; and the text of values that can't be
-- An image that is replaced keeps its file where nobody looked for one.
SELECT
    records.* EXCLUDE (row, own_fields, sentences_plain, problems),
    CASE WHEN $images_given THEN files.path ELSE known_records.path END AS path,
    CASE WHEN $images_given THEN files.path IS NOT NULL ELSE known_records.present END AS present,
    records.own_fields,
FROM records
ANTI JOIN skipped_records ON records.row = skipped_records.row
LEFT JOIN files ON records.image_id = files.image_id
LEFT JOIN known_records ON records.row = known_records.row;
