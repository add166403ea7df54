-- removed_image_there: one row per image that was removed and stands in the store nevertheless.
-- reads: removed_images, images, postings
SELECT
    images.image_id,
    'images' AS relation,
FROM images
SEMI JOIN removed_images USING (source, image_id)

UNION ALL

SELECT
    postings.image_id,
    'postings' AS relation,
FROM postings
SEMI JOIN removed_images USING (image_id);
