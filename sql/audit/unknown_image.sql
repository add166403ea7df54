-- unknown_image: one row per image that the store doesn't have, with the nearest cause.
-- reads: audited, removed_images, rejects, images
WITH unknown AS (
    SELECT
        image_id,
        list_sort(list(DISTINCT split)) AS splits,
        regexp_extract(lower(image_id), '^(.*?)(\.[^.]*)?$', 1) AS stem,
    FROM audited
    WHERE NOT known
    GROUP BY image_id
),

removed AS (
    SELECT DISTINCT image_id
    FROM removed_images
),

refused AS (
    SELECT
        image_id,
        min(concat('row ', row, ' of ', file, ' was refused: ', reason)) AS cause,
    FROM rejects
    WHERE image_id IS NOT NULL
    GROUP BY image_id
),

stems AS (
    SELECT
        regexp_extract(lower(image_id), '^(.*?)(\.[^.]*)?$', 1) AS stem,
        min(image_id) AS image_id,
    FROM images
    GROUP BY stem
)

SELECT
    unknown.image_id,
    unknown.splits,
    CASE
        WHEN removed.image_id IS NOT NULL THEN 'it was removed from the store'
        WHEN refused.cause IS NOT NULL THEN refused.cause
        WHEN stems.image_id IS NOT NULL THEN concat('the store has ', stems.image_id)
        ELSE 'no label file in the store names it'
    END AS cause,
FROM unknown
LEFT JOIN removed ON unknown.image_id = removed.image_id
LEFT JOIN refused ON unknown.image_id = refused.image_id
LEFT JOIN stems ON unknown.stem = stems.stem
ORDER BY unknown.image_id;
