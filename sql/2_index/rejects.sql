-- rejects: one row per record of the label file that is not in images, and was not told before.
-- reads: malformed, refusals, refused_text, records, stored_rejects, removed_texts
-- params: $label_file = 'labels.csv'
-- columns:
--   file        name of the label file
--   row         number of the record in that file, 1 for the first below the header
--   reason      why it was refused
--   image_id    the image that it names, NULL where it could not be told apart into fields
--   patient_id  the patient that it names, likewise
--   raw         its text as it stands in the file
-- A refused record that names an image or a patient removed from the store is not kept either.
WITH refused AS (
    SELECT
        row,
        reason,
    FROM malformed

    UNION ALL

    SELECT
        row,
        reason,
    FROM refusals
),

told AS (
    SELECT
        row,
        raw,
    FROM stored_rejects
    WHERE file = $label_file
),

named AS (
    SELECT
        $label_file AS file,
        refused.row,
        refused.reason,
        records.image_id,
        records.patient_id,
        refused_text.raw,
    FROM refused
    INNER JOIN refused_text USING (row)
    LEFT JOIN records USING (row)
    ANTI JOIN told ON refused.row = told.row AND refused_text.raw = told.raw
),

texts AS (
    SELECT
        row,
        unnest(
            CASE
                WHEN image_id IS NULL AND patient_id IS NULL
                    THEN string_split(replace(raw, '"', ''), ',')
                ELSE [image_id, patient_id]
            END
        ) AS text,
    FROM named
),

withdrawn AS (
    SELECT texts.row
    FROM texts
    SEMI JOIN removed_texts USING (text)
)

SELECT
    named.file,
    named.row,
    named.reason,
    named.image_id,
    named.patient_id,
    named.raw,
FROM named
ANTI JOIN withdrawn USING (row);
