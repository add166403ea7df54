-- twin_pairs: one row per pair of images that are found to be twins, with its group.
-- reads: paired_images, twin_groups
-- columns:
--   image_id    the first of the two by name
--   twin_id     the other one
--   kind        file: the same bytes; pixels: the same pixels; near: they look the same; constant:
--               the same pixels, all of which are equal
--   distance    bits in which their perceptual hashes differ
--   twin_group  the first image of all that hang together by pairs
SELECT
    paired_images.image_id,
    paired_images.twin_id,
    paired_images.kind,
    paired_images.distance,
    twin_groups.twin_group,
FROM paired_images
INNER JOIN twin_groups USING (image_id);
