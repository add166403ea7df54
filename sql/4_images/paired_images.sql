-- paired_images: one row per pair of images that are found to be twins.
-- reads: fingerprints, distinct_hashes, near_hashes
-- Of many images with the same file each is paired with the first of them, not with each other;
-- then the first of those with the same pixels, and of those with the same hash. So there are never
-- more pairs than images, near ones apart, and what hangs together still does.
WITH files AS (
    SELECT
        image_id,
        pixel_digest,
        perceptual_hash,
        min(image_id) OVER (PARTITION BY file_digest) AS first_id,
    FROM fingerprints
    WHERE file_digest IS NOT NULL
),

pictures AS (
    SELECT
        image_id,
        perceptual_hash,
        min(image_id) OVER (PARTITION BY pixel_digest) AS first_id,
    FROM files
    WHERE image_id = first_id AND pixel_digest IS NOT NULL
),

looks AS (
    SELECT
        image_id,
        min(image_id) OVER (PARTITION BY perceptual_hash) AS first_id,
    FROM pictures
    WHERE image_id = first_id AND perceptual_hash IS NOT NULL
)

SELECT
    first_id AS image_id,
    image_id AS twin_id,
    -- An image all of whose pixels are the same shows nothing that two could share.
    CASE
        WHEN pixel_digest IS NOT NULL AND perceptual_hash IS NULL THEN 'constant'
        ELSE 'file'
    END AS kind,
    CAST(0 AS BIGINT) AS distance,
FROM files
WHERE image_id <> first_id

UNION ALL

SELECT
    first_id AS image_id,
    image_id AS twin_id,
    CASE WHEN perceptual_hash IS NULL THEN 'constant' ELSE 'pixels' END AS kind,
    CAST(0 AS BIGINT) AS distance,
FROM pictures
WHERE image_id <> first_id

UNION ALL

SELECT
    first_id AS image_id,
    image_id AS twin_id,
    'near' AS kind,
    CAST(0 AS BIGINT) AS distance,
FROM looks
WHERE image_id <> first_id

UNION ALL

SELECT
    distinct_hashes.image_id,
    others.image_id AS twin_id,
    'near' AS kind,
    near_hashes.distance,
FROM near_hashes
INNER JOIN distinct_hashes USING (number)
INNER JOIN distinct_hashes AS others ON near_hashes.other_number = others.number;
