-- rounded_ids: one row per identifier of a record that is written as a rounded number.
-- reads: records
-- columns:
--   row     number of the record in the label file
--   name    the label file's column
--   value   the identifier
-- A spreadsheet keeps 15 digits of a number, a float 17 at most: it writes 6.88495E+38, or zeros
-- for all other digits. Identifiers of PadChest have up to 45, so that many become one.
WITH identifiers AS (
    SELECT
        row,
        'PatientID' AS name,
        patient_id AS value,
    FROM records

    UNION ALL

    SELECT
        row,
        'StudyID' AS name,
        study_id AS value,
    FROM records

    UNION ALL

    SELECT
        row,
        'ReportID' AS name,
        report_id AS value,
    FROM records
)

SELECT
    row,
    name,
    value,
FROM identifiers
WHERE
    regexp_matches(
        value, '^[-+]?[0-9]+([.,][0-9]*[eE][-+]?|[eE][+])[0-9]+$|^[0-9]{15,17}0{8,}([.]0+)?$'
    );
