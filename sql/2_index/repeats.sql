-- repeats: one row per image that stands in more than one readable record.
-- reads: records
-- columns:
--   image_id   the image
--   first_row  number of the first of its records
SELECT
    image_id,
    min(row) AS first_row,
FROM records
WHERE problems IS NULL
GROUP BY image_id
HAVING count(*) > 1;
