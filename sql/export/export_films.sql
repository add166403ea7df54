-- export_films: one row per image of a recorded dataset that the store still has whole.
-- reads: recorded_members, images, damaged_images
SELECT
    image_id,
    path,
    width,
    height,
    bits_stored,
    window_center,
    window_width,
    coalesce(photometric_interpretation = 'MONOCHROME1', FALSE) AS low_is_white,
FROM images
SEMI JOIN recorded_members USING (image_id)
ANTI JOIN damaged_images USING (image_id)
ORDER BY image_id;
