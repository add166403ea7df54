-- distinct_hashes: one row per perceptual hash, numbered in the order of their first images.
-- reads: fingerprints
-- However many images share a hash, it is compared once.
SELECT
    row_number() OVER (ORDER BY min(image_id)) AS number,
    min(image_id) AS image_id,
    hex(perceptual_hash) AS digits,
    CAST(perceptual_hash AS BIT) AS bits,
FROM fingerprints
WHERE perceptual_hash IS NOT NULL
GROUP BY perceptual_hash;
