-- image_postings: one row per posting of an image.
-- reads: coded_postings
-- params: $image_id = 'demo_0000007_01-001-009.png'
SELECT * EXCLUDE (image_id)
FROM coded_postings
WHERE image_id = $image_id
ORDER BY finding;
