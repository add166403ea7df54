-- image_twice: one row per image that stands in images more than once.
-- reads: images
SELECT
    source,
    image_id,
    count(*) AS times,
FROM images
GROUP BY source, image_id
HAVING count(*) > 1;
