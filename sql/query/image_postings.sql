-- image_postings: one row per posting of an image.
-- reads: postings
-- params: $image_id = 'demo_0000007_01-001-009.png'
SELECT * EXCLUDE (image_id, patient_id, study_id)
FROM postings
WHERE image_id = $image_id
ORDER BY finding;
