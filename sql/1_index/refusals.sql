-- refusals: one row per record that can't be taken: unreadable, or an image said twice.
-- reads: records
-- columns:
--   row     number of the record in the label file
--   reason  why it can't be taken
-- Of records that say the same of an image the first stays; where they differ none can be trusted.
WITH readable AS (
    SELECT *
    FROM records
    WHERE problems IS NULL
),

repeated AS (
    SELECT
        image_id,
        min(row) AS first_row,
    FROM readable
    GROUP BY image_id
    HAVING count(*) > 1
),

contents AS (
    SELECT DISTINCT readable.* EXCLUDE (row, source_row)
    FROM readable
    SEMI JOIN repeated USING (image_id)
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
    readable.row,
    CASE
        WHEN versions.versions = 1
            THEN concat('ImageID ', readable.image_id, ' repeats row ', repeated.first_row)
        ELSE concat(
            'ImageID ', readable.image_id, ' is said in rows that differ,'
            ' the first of them row ', repeated.first_row
        )
    END AS reason,
FROM readable
INNER JOIN repeated USING (image_id)
INNER JOIN versions USING (image_id)
WHERE versions.versions > 1 OR readable.row > repeated.first_row;
