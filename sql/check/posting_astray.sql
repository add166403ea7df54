-- posting_astray: one row per posting that its image doesn't bear out.
-- reads: postings, images
SELECT
    postings.finding,
    postings.image_id,
FROM postings
LEFT JOIN images USING (image_id)
WHERE
    images.image_id IS NULL
    OR NOT list_contains(images.findings, postings.finding);
