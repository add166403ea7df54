-- label_not_held: one row per (image, split, class) that the store's labels don't bear out.
-- reads: audited, checked_classes, class_images, images
-- checked_classes are those whose meaning is known, class_images the images that each holds for.
SELECT
    audited.image_id,
    audited.split,
    audited.class,
    images.findings,
FROM audited
SEMI JOIN checked_classes USING (class)
ANTI JOIN class_images USING (class, image_id)
INNER JOIN images USING (image_id)
ORDER BY audited.image_id, audited.split, audited.class;
