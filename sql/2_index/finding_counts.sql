-- finding_counts: one row per finding of the index: images, patients and studies that show it.
-- reads: postings, images
-- columns:
--   finding          the finding
--   images           images that show it
--   patients         distinct patients of those images
--   studies          distinct studies of those images
--   physician_share  share of those images that were labelled by hand
-- The ids of studies are unique within a patient only.
SELECT
    postings.finding,
    CAST(count(*) AS BIGINT) AS images,
    CAST(count(DISTINCT images.patient_id) AS BIGINT) AS patients,
    CAST(count(DISTINCT concat(images.patient_id, '|', images.study_id)) AS BIGINT) AS studies,
    count(*) FILTER (WHERE images.label_method = 'Physician') / count(*) AS physician_share,
FROM postings
INNER JOIN images USING (image_id)
GROUP BY postings.finding
ORDER BY images DESC, postings.finding;
