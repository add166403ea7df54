-- records: one row per record of PadChest's label file, cast, cleaned, and judged readable or not.
-- reads: label_rows
-- Its columns are those of images; row: the number of the record, where label_rows has it;
-- own_fields: the columns that PadChest has not, and the text of each value that can't be, such as
-- an age of 214; problems: what can't be read, NULL where everything can; and sentences_plain:
-- whether the lists of sentences can be split at their commas.
WITH texts AS (
    -- The reader of label files has made NULL of empty fields and of the words nan and None.
    SELECT
        row,
        source_row,
        nullif(trim("ImageID"), '') AS image_id,
        "ImageDir" AS image_dir,
        "StudyDate_DICOM" AS study_date,
        nullif(trim("StudyID"), '') AS study_id,
        nullif(trim("PatientID"), '') AS patient_id,
        "PatientBirth" AS birth_year,
        "PatientSex_DICOM" AS sex,
        "ViewPosition_DICOM" AS view_position,
        "Projection" AS projection,
        "MethodProjection" AS projection_method,
        "Pediatric" AS pediatric,
        "Modality_DICOM" AS modality,
        "Manufacturer_DICOM" AS manufacturer,
        "PhotometricInterpretation_DICOM" AS photometric_interpretation,
        "PixelRepresentation_DICOM" AS pixel_representation,
        "PixelAspectRatio_DICOM" AS pixel_aspect_ratio,
        "SpatialResolution_DICOM" AS spatial_resolution,
        "BitsStored_DICOM" AS bits_stored,
        "WindowCenter_DICOM" AS window_center,
        "WindowWidth_DICOM" AS window_width,
        "Rows_DICOM" AS height,
        "Columns_DICOM" AS width,
        "XRayTubeCurrent_DICOM" AS tube_current,
        "Exposure_DICOM" AS exposure,
        "ExposureInuAs_DICOM" AS exposure_uas,
        "ExposureTime" AS exposure_time,
        "RelativeXRayExposure_DICOM" AS relative_exposure,
        "ReportID" AS report_id,
        "Report" AS report,
        "MethodLabel" AS label_method,
        "Labels" AS labels,
        -- A list as Python prints it, of terms without an apostrophe: it can be split, not parsed.
        -- Python prints no control character or hard space in it, and a backslash for an escape.
        regexp_matches(
            "Labels",
            '^\[''[^''\\\x00-\x1f\x7f-\xa0]*''(, ''[^''\\\x00-\x1f\x7f-\xa0]*'')*\]$'
        ) AS labels_plain,
        "Localizations" AS localizations,
        regexp_matches(
            "Localizations",
            '^\[''[^''\\\x00-\x1f\x7f-\xa0]*''(, ''[^''\\\x00-\x1f\x7f-\xa0]*'')*\]$'
        ) AS localizations_plain,
        "LabelsLocalizationsBySentence" AS sentences,
        -- The same, or a list of such lists.
        regexp_matches(
            "LabelsLocalizationsBySentence",
            concat(
                '^\[(''[^''\\\x00-\x1f\x7f-\xa0]*''(, ''[^''\\\x00-\x1f\x7f-\xa0]*'')*',
                '|\[''[^''\\\x00-\x1f\x7f-\xa0]*''(, ''[^''\\\x00-\x1f\x7f-\xa0]*'')*\]',
                '(, \[''[^''\\\x00-\x1f\x7f-\xa0]*''(, ''[^''\\\x00-\x1f\x7f-\xa0]*'')*\])*)\]$'
            )
        ) AS sentences_plain,
        "labelCUIS" AS label_cuis,
        "LocalizationsCUIS" AS localization_cuis,
        own_fields,
        -- What engines read as numbers differs: 1_000, 1d, +-1, inf. None of it in these letters.
        regexp_matches(
            concat_ws(
                ',',
                source_row,
                "PatientBirth",
                "PixelRepresentation_DICOM",
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
                "RelativeXRayExposure_DICOM"
            ),
            '^([0-9 .,eE-]|[+][0-9.])*$'
        ) AS numbers_plain,
    FROM label_rows
),

casts AS (
    -- A whole number may be written 1930.0, as pandas does in a column of which a cell is empty:
    -- dates and names of folders and reports too. Identifiers have up to 39 digits and stay text. A
    -- date in the year 0000 is how some devices write that there is none.
    SELECT
        row,
        source_row AS source_row_text,
        TRY_CAST(
            CASE
                WHEN numbers_plain THEN source_row
                WHEN regexp_matches(source_row, '^([0-9 .,eE-]|[+][0-9.])*$')
                    THEN source_row
            END AS DOUBLE
        ) AS source_row,
        image_id,
        CASE
            WHEN regexp_matches(image_dir, '^[0-9]+[.]0$')
                THEN substr(image_dir, 1, length(image_dir) - 2)
            ELSE image_dir
        END AS image_dir,
        study_date AS study_date_text,
        TRY_CAST(
            CASE
                WHEN
                    regexp_matches(study_date, '^[0-9]{8}([.]0*)?$')
                    AND study_date >= '00010101'
                    THEN concat(
                        substr(study_date, 1, 4),
                        '-',
                        substr(study_date, 5, 2),
                        '-',
                        substr(study_date, 7, 2)
                    )
            END AS DATE
        ) AS study_date,
        study_id,
        patient_id,
        birth_year AS birth_year_text,
        TRY_CAST(
            CASE
                WHEN numbers_plain THEN birth_year
                WHEN regexp_matches(birth_year, '^([0-9 .,eE-]|[+][0-9.])*$')
                    THEN birth_year
            END AS DOUBLE
        ) AS birth_year,
        sex,
        view_position,
        projection,
        projection_method,
        pediatric AS pediatric_text,
        CASE pediatric WHEN 'PED' THEN TRUE WHEN 'No' THEN FALSE END AS pediatric,
        modality,
        manufacturer,
        photometric_interpretation,
        pixel_representation AS pixel_representation_text,
        TRY_CAST(
            CASE
                WHEN numbers_plain THEN pixel_representation
                WHEN regexp_matches(pixel_representation, '^([0-9 .,eE-]|[+][0-9.])*$')
                    THEN pixel_representation
            END AS DOUBLE
        ) AS pixel_representation,
        pixel_aspect_ratio AS pixel_aspect_ratio_text,
        list_transform(
            regexp_extract_all(pixel_aspect_ratio, '[0-9]+([.][0-9]+)?', 0),
            lambda part: CAST(part AS DOUBLE)
        ) AS pixel_aspect_ratio,
        spatial_resolution AS spatial_resolution_text,
        TRY_CAST(
            CASE
                WHEN numbers_plain THEN spatial_resolution
                WHEN regexp_matches(spatial_resolution, '^([0-9 .,eE-]|[+][0-9.])*$')
                    THEN spatial_resolution
            END AS DOUBLE
        ) AS spatial_resolution,
        bits_stored AS bits_stored_text,
        TRY_CAST(
            CASE
                WHEN numbers_plain THEN bits_stored
                WHEN regexp_matches(bits_stored, '^([0-9 .,eE-]|[+][0-9.])*$')
                    THEN bits_stored
            END AS DOUBLE
        ) AS bits_stored,
        window_center AS window_center_text,
        TRY_CAST(
            CASE
                WHEN numbers_plain THEN window_center
                WHEN regexp_matches(window_center, '^([0-9 .,eE-]|[+][0-9.])*$')
                    THEN window_center
            END AS DOUBLE
        ) AS window_center,
        window_width AS window_width_text,
        TRY_CAST(
            CASE
                WHEN numbers_plain THEN window_width
                WHEN regexp_matches(window_width, '^([0-9 .,eE-]|[+][0-9.])*$')
                    THEN window_width
            END AS DOUBLE
        ) AS window_width,
        height AS height_text,
        TRY_CAST(
            CASE
                WHEN numbers_plain THEN height
                WHEN regexp_matches(height, '^([0-9 .,eE-]|[+][0-9.])*$')
                    THEN height
            END AS DOUBLE
        ) AS height,
        width AS width_text,
        TRY_CAST(
            CASE
                WHEN numbers_plain THEN width
                WHEN regexp_matches(width, '^([0-9 .,eE-]|[+][0-9.])*$')
                    THEN width
            END AS DOUBLE
        ) AS width,
        tube_current AS tube_current_text,
        TRY_CAST(
            CASE
                WHEN numbers_plain THEN tube_current
                WHEN regexp_matches(tube_current, '^([0-9 .,eE-]|[+][0-9.])*$')
                    THEN tube_current
            END AS DOUBLE
        ) AS tube_current,
        exposure AS exposure_text,
        TRY_CAST(
            CASE
                WHEN numbers_plain THEN exposure
                WHEN regexp_matches(exposure, '^([0-9 .,eE-]|[+][0-9.])*$')
                    THEN exposure
            END AS DOUBLE
        ) AS exposure,
        exposure_uas AS exposure_uas_text,
        TRY_CAST(
            CASE
                WHEN numbers_plain THEN exposure_uas
                WHEN regexp_matches(exposure_uas, '^([0-9 .,eE-]|[+][0-9.])*$')
                    THEN exposure_uas
            END AS DOUBLE
        ) AS exposure_uas,
        exposure_time AS exposure_time_text,
        TRY_CAST(
            CASE
                WHEN numbers_plain THEN exposure_time
                WHEN regexp_matches(exposure_time, '^([0-9 .,eE-]|[+][0-9.])*$')
                    THEN exposure_time
            END AS DOUBLE
        ) AS exposure_time,
        relative_exposure AS relative_exposure_text,
        TRY_CAST(
            CASE
                WHEN numbers_plain THEN relative_exposure
                WHEN regexp_matches(relative_exposure, '^([0-9 .,eE-]|[+][0-9.])*$')
                    THEN relative_exposure
            END AS DOUBLE
        ) AS relative_exposure,
        CASE
            WHEN regexp_matches(report_id, '^[0-9]+[.]0$')
                THEN substr(report_id, 1, length(report_id) - 2)
            ELSE report_id
        END AS report_id,
        report,
        label_method,
        labels AS labels_text,
        -- The same without what stands between its quotes: what is left must be a list.
        CASE
            WHEN NOT labels_plain
                THEN regexp_replace(
                    labels,
                    '''[^''\\\x00-\x1f\x7f-\xa0]*''|"[^"\\\x00-\x1f\x7f-\xa0]*"',
                    '''''',
                    'g'
                )
        END AS labels_form,
        list_filter(
            list_transform(
                CASE
                    WHEN labels_plain
                        THEN string_split(substr(labels, 3, length(labels) - 4), ''', ''')
                    ELSE list_transform(
                        regexp_extract_all(labels, '''[^'']*''|"[^"]*"', 0),
                        lambda quoted: substr(quoted, 2, length(quoted) - 2)
                    )
                END,
                lambda term: trim(term)
            ),
            lambda term: term <> ''
        ) AS labels,
        labels_plain,
        localizations AS localizations_text,
        CASE
            WHEN NOT localizations_plain
                THEN regexp_replace(
                    localizations,
                    '''[^''\\\x00-\x1f\x7f-\xa0]*''|"[^"\\\x00-\x1f\x7f-\xa0]*"',
                    '''''',
                    'g'
                )
        END AS localizations_form,
        list_filter(
            list_transform(
                CASE
                    WHEN localizations_plain
                        THEN string_split(
                            substr(localizations, 3, length(localizations) - 4), ''', '''
                        )
                    ELSE list_transform(
                        regexp_extract_all(localizations, '''[^'']*''|"[^"]*"', 0),
                        lambda quoted: substr(quoted, 2, length(quoted) - 2)
                    )
                END,
                lambda term: trim(term)
            ),
            lambda term: term <> ''
        ) AS localizations,
        localizations_plain,
        sentences,
        sentences_plain,
        CASE
            WHEN NOT sentences_plain
                THEN regexp_replace(
                    sentences,
                    '''[^''\\\x00-\x1f\x7f-\xa0]*''|"[^"\\\x00-\x1f\x7f-\xa0]*"',
                    '''''',
                    'g'
                )
        END AS sentences_form,
        -- Printed numpy arrays: quoted, separated by blanks, with a line break after some.
        list_transform(
            regexp_extract_all(label_cuis, '''[^'']*''', 0),
            lambda quoted: substr(quoted, 2, length(quoted) - 2)
        ) AS label_cuis,
        list_transform(
            regexp_extract_all(localization_cuis, '''[^'']*''', 0),
            lambda quoted: substr(quoted, 2, length(quoted) - 2)
        ) AS localization_cuis,
        own_fields,
    FROM texts
),

whole_numbers AS (
    SELECT
        * EXCLUDE (source_row, birth_year, pixel_representation, bits_stored, height, width),
        CASE
            WHEN abs(source_row) < 1e15 AND source_row = floor(source_row)
                THEN CAST(floor(source_row) AS BIGINT)
        END AS source_row,
        CASE
            WHEN abs(birth_year) < 1e9 AND birth_year = floor(birth_year)
                THEN CAST(floor(birth_year) AS INTEGER)
        END AS birth_year,
        CASE
            WHEN
                abs(pixel_representation) < 1e9
                AND pixel_representation = floor(pixel_representation)
                THEN CAST(floor(pixel_representation) AS INTEGER)
        END AS pixel_representation,
        CASE
            WHEN abs(bits_stored) < 1e9 AND bits_stored = floor(bits_stored)
                THEN CAST(floor(bits_stored) AS INTEGER)
        END AS bits_stored,
        CASE
            WHEN abs(height) < 1e9 AND height = floor(height)
                THEN CAST(floor(height) AS INTEGER)
        END AS height,
        CASE
            WHEN abs(width) < 1e9 AND width = floor(width)
                THEN CAST(floor(width) AS INTEGER)
        END AS width,
        list_sort(list_distinct(coalesce(labels, []))) AS distinct_labels,
    FROM casts
),

judged AS (
    -- No study is older than X-rays, and no patient is above 120 or born after the study. Where the
    -- study has no date that can be, a birth year from 1775 on can be.
    SELECT
        *,
        coalesce(study_date >= DATE '1895-11-08', TRUE) AS study_date_can_be,
        coalesce(
            CASE
                WHEN study_date >= DATE '1895-11-08'
                    THEN year(study_date) - birth_year BETWEEN 0 AND 120
                ELSE birth_year BETWEEN 1775 AND 2100
            END,
            TRUE
        ) AS birth_year_can_be,
        coalesce(bits_stored BETWEEN 1 AND 64, TRUE) AS bits_stored_can_be,
        coalesce(height > 0, TRUE) AS height_can_be,
        coalesce(width > 0, TRUE) AS width_can_be,
    FROM whole_numbers
),

cleaned AS (
    -- PadChest's own rule, one step a column: exclude is said of a part of a report, so it holds
    -- only where nothing else was found; then so does normal.
    SELECT
        *,
        list_filter(distinct_labels, lambda label: label <> 'exclude') AS labels_but_exclude,
        list_filter(
            distinct_labels, lambda label: label <> 'exclude' AND label <> 'normal'
        ) AS labels_but_normal,
        CASE
            WHEN
                study_date_can_be
                AND birth_year_can_be
                AND bits_stored_can_be
                AND height_can_be
                AND width_can_be
                THEN own_fields
            ELSE list_filter(
                list_append(
                    list_append(
                        list_append(
                            list_append(
                                list_append(
                                    coalesce(own_fields, []),
                                    {
                                        'name': 'BitsStored_DICOM',
                                        'value': CASE
                                            WHEN NOT bits_stored_can_be THEN bits_stored_text
                                        END
                                    }
                                ),
                                {
                                    'name': 'Columns_DICOM',
                                    'value': CASE WHEN NOT width_can_be THEN width_text END
                                }
                            ),
                            {
                                'name': 'PatientBirth',
                                'value': CASE WHEN NOT birth_year_can_be THEN birth_year_text END
                            }
                        ),
                        {
                            'name': 'Rows_DICOM',
                            'value': CASE WHEN NOT height_can_be THEN height_text END
                        }
                    ),
                    {
                        'name': 'StudyDate_DICOM',
                        'value': CASE WHEN NOT study_date_can_be THEN study_date_text END
                    }
                ),
                lambda field: field.value IS NOT NULL
            )
        END AS all_own_fields,
    FROM judged
)

SELECT
    row,
    'padchest' AS source,
    image_id,
    patient_id,
    study_id,
    CASE WHEN study_date_can_be THEN study_date END AS study_date,
    image_dir,
    projection,
    projection IN ('PA', 'AP', 'AP_horizontal') AS frontal,
    projection_method,
    view_position,
    sex,
    CASE WHEN birth_year_can_be THEN birth_year END AS birth_year,
    CASE
        WHEN study_date_can_be AND birth_year_can_be
            THEN CAST(year(study_date) AS INTEGER) - birth_year
    END AS age,
    pediatric,
    label_method,
    CASE
        WHEN array_length(labels_but_normal) > 0 THEN labels_but_normal
        WHEN array_length(labels_but_exclude) > 0 THEN labels_but_exclude
        ELSE distinct_labels
    END AS findings,
    list_sort(list_distinct(coalesce(localizations, []))) AS localizations,
    labels_text,
    label_cuis,
    localizations_text,
    localization_cuis,
    sentences,
    sentences_plain,
    report_id,
    report,
    CASE WHEN width_can_be THEN width END AS width,
    CASE WHEN height_can_be THEN height END AS height,
    CASE WHEN bits_stored_can_be THEN bits_stored END AS bits_stored,
    pixel_representation,
    photometric_interpretation,
    pixel_aspect_ratio,
    spatial_resolution,
    window_center,
    window_width,
    modality,
    manufacturer,
    tube_current,
    exposure,
    exposure_uas,
    exposure_time,
    relative_exposure,
    source_row,
    all_own_fields AS own_fields,
    nullif(
        concat_ws(
            '; ',
            CASE WHEN image_id IS NULL THEN 'no ImageID' END,
            CASE
                WHEN contains(image_id, '/') OR contains(image_id, '\') OR image_id IN ('.', '..')
                    THEN concat('ImageID is no plain file name: ', image_id)
            END,
            CASE WHEN patient_id IS NULL THEN 'no PatientID' END,
            CASE WHEN study_id IS NULL THEN 'no StudyID' END,
            CASE
                WHEN
                    NOT labels_plain
                    AND NOT regexp_matches(
                        labels_form, '^\[\s*(''''\s*(,\s*''''\s*)*(,\s*)?)?\]$'
                    )
                    THEN 'Labels is no list'
            END,
            CASE
                WHEN
                    NOT localizations_plain
                    AND NOT regexp_matches(
                        localizations_form, '^\[\s*(''''\s*(,\s*''''\s*)*(,\s*)?)?\]$'
                    )
                    THEN 'Localizations is no list'
            END,
            CASE
                WHEN
                    NOT sentences_plain
                    AND NOT regexp_matches(
                        sentences_form,
                        concat(
                            '^\[\s*((''''\s*(,\s*''''\s*)*(,\s*)?)?',
                            '|(nan|\[\s*(''''\s*(,\s*''''\s*)*(,\s*)?)?\])\s*',
                            '(,\s*(nan|\[\s*(''''\s*(,\s*''''\s*)*(,\s*)?)?\])\s*)*(,\s*)?)\]$'
                        )
                    )
                    THEN 'LabelsLocalizationsBySentence is no list'
            END,
            CASE
                WHEN study_date_text IS NOT NULL AND cleaned.study_date IS NULL
                    THEN concat('StudyDate_DICOM is no date: ', study_date_text)
            END,
            CASE
                WHEN pediatric_text IS NOT NULL AND pediatric IS NULL
                    THEN concat('Pediatric is neither PED nor No: ', pediatric_text)
            END,
            CASE
                WHEN birth_year_text IS NOT NULL AND cleaned.birth_year IS NULL
                    THEN concat('PatientBirth is no year: ', birth_year_text)
            END,
            CASE
                WHEN pixel_representation_text IS NOT NULL AND pixel_representation IS NULL
                    THEN concat(
                        'PixelRepresentation_DICOM is no whole number: ', pixel_representation_text
                    )
            END,
            CASE
                WHEN bits_stored_text IS NOT NULL AND cleaned.bits_stored IS NULL
                    THEN concat('BitsStored_DICOM is no whole number: ', bits_stored_text)
            END,
            CASE
                WHEN height_text IS NOT NULL AND cleaned.height IS NULL
                    THEN concat('Rows_DICOM is no whole number: ', height_text)
            END,
            CASE
                WHEN width_text IS NOT NULL AND cleaned.width IS NULL
                    THEN concat('Columns_DICOM is no whole number: ', width_text)
            END,
            CASE
                WHEN source_row_text IS NOT NULL AND source_row IS NULL
                    THEN concat('the first column is no whole number: ', source_row_text)
            END,
            CASE
                WHEN array_length(pixel_aspect_ratio) <> 2
                    THEN concat(
                        'PixelAspectRatio_DICOM is no pair of numbers: ', pixel_aspect_ratio_text
                    )
            END,
            CASE
                WHEN spatial_resolution_text IS NOT NULL AND spatial_resolution IS NULL
                    THEN concat('SpatialResolution_DICOM is no number: ', spatial_resolution_text)
            END,
            CASE
                WHEN window_center_text IS NOT NULL AND window_center IS NULL
                    THEN concat('WindowCenter_DICOM is no number: ', window_center_text)
            END,
            CASE
                WHEN window_width_text IS NOT NULL AND window_width IS NULL
                    THEN concat('WindowWidth_DICOM is no number: ', window_width_text)
            END,
            CASE
                WHEN tube_current_text IS NOT NULL AND tube_current IS NULL
                    THEN concat('XRayTubeCurrent_DICOM is no number: ', tube_current_text)
            END,
            CASE
                WHEN exposure_text IS NOT NULL AND exposure IS NULL
                    THEN concat('Exposure_DICOM is no number: ', exposure_text)
            END,
            CASE
                WHEN exposure_uas_text IS NOT NULL AND exposure_uas IS NULL
                    THEN concat('ExposureInuAs_DICOM is no number: ', exposure_uas_text)
            END,
            CASE
                WHEN exposure_time_text IS NOT NULL AND exposure_time IS NULL
                    THEN concat('ExposureTime is no number: ', exposure_time_text)
            END,
            CASE
                WHEN relative_exposure_text IS NOT NULL AND relative_exposure IS NULL
                    THEN concat('RelativeXRayExposure_DICOM is no number: ', relative_exposure_text)
            END
        ),
        ''
    ) AS problems,
FROM cleaned;
