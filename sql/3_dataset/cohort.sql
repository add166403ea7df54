-- cohort: one row per image that a dataset may hold.
-- reads: images, chosen_images, excluded_images
-- params: $pure = FALSE
-- chosen_images are those that meet the recipe's condition. An image whose file was looked for and
-- not found is no member of any dataset, nor is one that is excluded.
SELECT
    images.image_id,
    images.patient_id,
FROM images
SEMI JOIN chosen_images USING (image_id)
ANTI JOIN excluded_images USING (image_id)
WHERE
    coalesce(images.present, TRUE)
    AND (NOT $pure OR array_length(images.findings) = 1);
