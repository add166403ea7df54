-- kept_rejects: one row per row of a file of rejects that says nothing of what goes.
-- reads: data_file, removed_texts, gone_rejects
-- A row that could not be told apart into fields goes where any of them is what goes.
WITH texts AS (
    SELECT
        file,
        row,
        unnest(
            CASE
                WHEN image_id IS NULL AND patient_id IS NULL
                    THEN string_split(replace(raw, '"', ''), ',')
                ELSE [image_id, patient_id]
            END
        ) AS text,
    FROM data_file
),

withdrawn AS (
    SELECT
        texts.file,
        texts.row,
    FROM texts
    SEMI JOIN removed_texts USING (text)
)

SELECT data_file.*
FROM data_file
ANTI JOIN withdrawn
    ON data_file.file = withdrawn.file AND data_file.row = withdrawn.row
ANTI JOIN gone_rejects
    ON data_file.file = gone_rejects.file AND data_file.row = gone_rejects.row;
