-- observations: one row per (finding, image) that tells what is seen, with the unit it counts for.
-- reads: postings, images, damaged_images
-- params: $unit = 'study', $damaged = FALSE
-- columns:
--   finding   the finding
--   image_id  the image
--   unit      its image, study or patient
-- exclude and unchanged are said of a report and not of what its images show: an image with no
-- other label is neither an example of a finding nor of its absence, and an image without labels
-- is not in the index, nor, unless it is asked for, one with a damaged file. The ids
-- of studies are unique within a patient only.
WITH left_out AS (
    SELECT image_id
    FROM damaged_images
    WHERE NOT $damaged
)

SELECT
    postings.finding,
    postings.image_id,
    CASE $unit
        WHEN 'image' THEN images.image_id
        WHEN 'study' THEN concat(images.patient_id, '|', images.study_id)
        WHEN 'patient' THEN images.patient_id
    END AS unit,
FROM postings
INNER JOIN images USING (image_id)
ANTI JOIN left_out USING (image_id)
WHERE postings.finding NOT IN ('exclude', 'unchanged');
