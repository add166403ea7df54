-- repeated_row: one row per (image, split, class) that several rows say.
-- reads: csv_split
SELECT
    image_id,
    split,
    class,
    times,
FROM csv_split
WHERE times > 1
ORDER BY image_id, split, class;
