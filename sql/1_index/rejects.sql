-- rejects: one row per record of the label file that is not in images.
-- reads: malformed, refusals, refused_text
-- params: $label_file = 'labels.csv'
-- columns:
--   file    name of the label file
--   row     number of the record in that file, 1 for the first below the header
--   reason  why it was refused
--   raw     its text
SELECT
    $label_file AS file,
    row,
    reason,
    raw,
FROM malformed

UNION ALL

SELECT
    $label_file AS file,
    refusals.row,
    refusals.reason,
    refused_text.raw,
FROM refusals
INNER JOIN refused_text USING (row);
