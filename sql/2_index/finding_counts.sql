-- finding_counts: one row per finding of the index: images, patients and studies that show it.
-- reads: postings, images, damaged_images, terms
-- params: $damaged = FALSE
-- columns:
--   finding          the finding
--   images           images that show it
--   patients         distinct patients of those images
--   studies          distinct studies of those images
--   physician_share  share of those images that were labelled by hand
--   kind             diagnosis: a differential diagnosis of PadChest's trees; else finding
-- The ids of studies are unique within a patient only. Images with a damaged file are not counted,
-- unless they are asked for.
WITH left_out AS (
    SELECT image_id
    FROM damaged_images
    WHERE NOT $damaged
),

diagnoses AS (
    SELECT DISTINCT term
    FROM terms
    WHERE hierarchy = 'padchest' AND tree = 'diagnosis'
)

SELECT
    postings.finding,
    CAST(count(*) AS BIGINT) AS images,
    CAST(count(DISTINCT images.patient_id) AS BIGINT) AS patients,
    CAST(count(DISTINCT concat(images.patient_id, '|', images.study_id)) AS BIGINT) AS studies,
    count(*) FILTER (WHERE images.label_method = 'Physician') / count(*) AS physician_share,
    CASE WHEN diagnoses.term IS NULL THEN 'finding' ELSE 'diagnosis' END AS kind,
FROM postings
INNER JOIN images USING (image_id)
ANTI JOIN left_out USING (image_id)
LEFT JOIN diagnoses ON postings.finding = diagnoses.term
GROUP BY postings.finding, diagnoses.term
ORDER BY images DESC, postings.finding;
