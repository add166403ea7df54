-- manifest_variants: one row per (split, class, image) of a manifest, and per variant of an image.
-- reads: manifest
-- params: $train = 'train', $variants = 3
-- Only images of the split to train on get variants: what is tested on stays as it was taken.
SELECT
    manifest.* REPLACE (
        CASE
            WHEN variant = 0 THEN image_id
            ELSE concat(
                regexp_extract(image_id, '^(.+?)([.][^.]*)?$', 1),
                '_v',
                variant,
                regexp_extract(image_id, '^(.+?)([.][^.]*)?$', 2)
            )
        END AS image_id
    ),
    CASE WHEN variant > 0 THEN image_id END AS parent,
    variant,
FROM manifest
CROSS JOIN (SELECT unnest(range($variants + 1)) AS variant) AS variants
WHERE variant = 0 OR split = $train
ORDER BY split, class, coalesce(parent, manifest.image_id), variant;
