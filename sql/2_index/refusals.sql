-- refusals: one row per record that can't be taken: unreadable, or an image said twice.
-- reads: records, repeats
-- columns:
--   row     number of the record in the label file
--   reason  why it can't be taken
-- Of records that say the same of an image the first stays; where they differ none can be trusted.
WITH contents AS (
    SELECT DISTINCT records.* EXCLUDE (row, source_row)
    FROM records
    SEMI JOIN repeats ON records.image_id = repeats.image_id
    WHERE records.problems IS NULL
),

versions AS (
    SELECT
        image_id,
        count(*) AS versions,
    FROM contents
    GROUP BY image_id
)

SELECT
    row,
    problems AS reason,
FROM records
WHERE problems IS NOT NULL

UNION ALL

SELECT
    records.row,
    CASE
        WHEN versions.versions = 1
            THEN concat('ImageID ', records.image_id, ' repeats row ', repeats.first_row)
        ELSE concat(
            'ImageID ', records.image_id, ' is said in rows that differ, the first of them row ',
            repeats.first_row
        )
    END AS reason,
FROM records
INNER JOIN repeats USING (image_id)
INNER JOIN versions USING (image_id)
WHERE
    records.problems IS NULL
    AND (versions.versions > 1 OR records.row > repeats.first_row);
