-- matching_images: one row per image that a query holds for.
-- reads: images, matching, damaged_images
SELECT
    image_id,
    patient_id,
    study_id,
    projection,
    findings,
FROM images
SEMI JOIN matching USING (image_id)
ANTI JOIN damaged_images USING (image_id)
ORDER BY image_id;
