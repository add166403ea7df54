-- gone_patients: one row per patient who goes, and none of whose images stays.
-- reads: images, gone_images, gone_rejects
WITH gone AS (
    SELECT images.patient_id
    FROM images
    SEMI JOIN gone_images USING (image_id)

    UNION

    SELECT gone_rejects.patient_id
    FROM gone_rejects
    WHERE gone_rejects.patient_id IS NOT NULL
),

staying AS (
    SELECT DISTINCT images.patient_id
    FROM images
    ANTI JOIN gone_images USING (image_id)
)

SELECT gone.patient_id
FROM gone
ANTI JOIN staying USING (patient_id);
