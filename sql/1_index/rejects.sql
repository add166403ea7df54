-- rejects: one row per record of the label file that is not in images.
-- reads: malformed, refusals, refused_text
-- params: $label_file = 'labels.csv'
-- columns:
--   file    name of the label file
--   row     number of the record in that file, 1 for the first below the header
--   reason  why it was refused
--   raw     its text as it stands in the file
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
)

SELECT
    $label_file AS file,
    refused.row,
    refused.reason,
    refused_text.raw,
FROM refused
INNER JOIN refused_text USING (row);
