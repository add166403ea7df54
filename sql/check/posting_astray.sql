-- posting_astray: one row per posting that its image doesn't bear out.
-- reads: postings, images
SELECT
    postings.finding,
    postings.image_id,
FROM postings
LEFT JOIN images USING (image_id)
WHERE
    images.image_id IS NULL
    OR images.patient_id <> postings.patient_id
    OR images.study_id <> postings.study_id
    OR NOT list_contains(images.findings, postings.finding);
