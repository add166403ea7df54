-- lacking_images: one row per image of a bundle that is no member of its recipe in this store.
-- reads: bundle_images, bundle_members, images, damaged_images, rejects, removed_images
-- columns:
--   image_id  the image
--   split     its split in the bundle
--   reason    not indexed; removed: it was taken out of this store; rejected: its row in a label
--             file was refused; no file: its file was looked for and is missing; damaged: it was
--             tested and found damaged; not chosen: its labels or fields here are not those that
--             the recipe asks for
WITH removed AS (
    SELECT DISTINCT image_id
    FROM removed_images
),

rejected AS (
    SELECT DISTINCT image_id
    FROM rejects
)

SELECT
    bundle_images.image_id,
    bundle_images.split,
    CASE
        WHEN images.image_id IS NOT NULL AND NOT coalesce(images.present, TRUE) THEN 'no file'
        WHEN damaged_images.image_id IS NOT NULL THEN 'damaged'
        WHEN images.image_id IS NOT NULL THEN 'not chosen'
        WHEN removed.image_id IS NOT NULL THEN 'removed'
        WHEN rejected.image_id IS NOT NULL THEN 'rejected'
        ELSE 'not indexed'
    END AS reason,
FROM bundle_images
ANTI JOIN bundle_members USING (image_id)
LEFT JOIN images USING (image_id)
LEFT JOIN damaged_images USING (image_id)
LEFT JOIN removed USING (image_id)
LEFT JOIN rejected USING (image_id)
ORDER BY bundle_images.image_id;
