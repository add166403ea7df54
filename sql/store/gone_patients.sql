-- gone_patients: one row per patient none of whose images stays.
-- reads: images, gone_images
WITH gone AS (
    SELECT DISTINCT images.patient_id
    FROM images
    SEMI JOIN gone_images USING (image_id)
),

staying AS (
    SELECT DISTINCT images.patient_id
    FROM images
    ANTI JOIN gone_images USING (image_id)
)

SELECT gone.patient_id
FROM gone
ANTI JOIN staying USING (patient_id);
