-- cohort: one row per image that a dataset may hold, with the unit that it belongs to.
-- reads: images, twin_patients, chosen_images, outside_images, excluded_images
-- reads: damaged_images
-- params: $pure = FALSE, $unit = 'image'
-- chosen_images are those that meet the recipe's condition, outside_images those that are none of
-- the dataset to draw from. An image whose file was looked for and not found, or was tested and
-- found damaged, is no member of any dataset, nor is one that is excluded. A unit is what is
-- counted, and what is kept or left out as a whole. The ids of studies are unique within a patient
-- only. patient_id is whom the image is dealt with: one name for all patients who stay together.
SELECT
    images.image_id,
    coalesce(twin_patients.dealt_as, images.patient_id) AS patient_id,
    CASE $unit
        WHEN 'patient' THEN images.patient_id
        WHEN 'study' THEN concat(images.patient_id, '|', images.study_id)
        ELSE images.image_id
    END AS unit_id,
FROM images
LEFT JOIN twin_patients USING (patient_id)
SEMI JOIN chosen_images USING (image_id)
ANTI JOIN outside_images USING (image_id)
ANTI JOIN excluded_images USING (image_id)
ANTI JOIN damaged_images USING (image_id)
WHERE
    coalesce(images.present, TRUE)
    AND (NOT $pure OR array_length(images.findings) = 1);
