-- observations: one row per (finding, image) that tells what is seen, with the unit it counts for.
-- reads: postings, images
-- params: $unit = 'study'
-- columns:
--   finding   the finding
--   image_id  the image
--   unit      its image, study or patient
-- exclude and unchanged are said of a report and not of what its images show: an image with no
-- other label is neither an example of a finding nor of its absence, and an image without labels
-- is not in the index. The ids of studies are unique within a patient only.
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
WHERE postings.finding NOT IN ('exclude', 'unchanged');
