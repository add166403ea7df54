-- manifest: one row per (split, class, image) of a recorded dataset that the store still has whole.
-- reads: recorded_members, images, damaged_images
SELECT
    recorded_members.split,
    recorded_members.class,
    recorded_members.image_id,
    recorded_members.patient_id,
    images.study_id,
    images.projection,
    string_agg(recorded_members.finding, '|' ORDER BY recorded_members.finding) AS findings,
    nullif(array_to_string(images.localizations, '|'), '') AS localizations,
    images.path AS source_path,
FROM recorded_members
INNER JOIN images USING (image_id)
ANTI JOIN damaged_images USING (image_id)
GROUP BY ALL
ORDER BY split, class, image_id;
