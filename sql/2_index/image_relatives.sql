-- image_relatives: one row per image of an id: the other images of its study, and its patient.
-- reads: images
-- params: $image_id = 'demo_0000007_01-001-009.png'
-- columns:
--   study_images     the other images of its study
--   patient_images   images of its patient, itself among them
--   patient_studies  studies of its patient
WITH asked AS (
    SELECT
        patient_id,
        study_id,
    FROM images
    WHERE image_id = $image_id
)

SELECT
    coalesce(
        list_sort(
            list(images.image_id) FILTER (
                WHERE images.study_id = asked.study_id AND images.image_id <> $image_id
            )
        ),
        []
    ) AS study_images,
    CAST(count(*) AS BIGINT) AS patient_images,
    CAST(count(DISTINCT images.study_id) AS BIGINT) AS patient_studies,
FROM asked
INNER JOIN images USING (patient_id)
GROUP BY asked.study_id;
