-- placed_images: one row per image whose file was looked for, in the order of their places.
-- reads: images
SELECT
    image_id,
    path,
FROM images
WHERE present IS NOT NULL
ORDER BY path, image_id;
