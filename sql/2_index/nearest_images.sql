-- nearest_images: one row per image whose id begins with a word or is spelt like it, nearest first.
-- reads: images
-- params: $word = 'demo_0000007'
WITH near AS (
    SELECT
        image_id,
        starts_with(image_id, $word) AS begins,
        CASE
            WHEN abs(length(image_id) - length($word)) <= 3 THEN levenshtein(image_id, $word)
        END AS distance,
    FROM images
)

SELECT
    image_id,
    begins,
FROM near
WHERE begins OR distance <= 3
ORDER BY begins DESC, distance, image_id
LIMIT 5;
