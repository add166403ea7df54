-- repeated_row: one row per (image, split, class) that several rows say.
-- reads: given
SELECT
    image_id,
    split,
    class,
    times,
FROM given
WHERE times > 1
ORDER BY image_id, split, class;
