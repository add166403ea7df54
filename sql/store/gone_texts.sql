-- gone_texts: one row per identifier that may stand in no data file any more.
-- reads: images, gone_images
-- Those of the images that go, and of the patients none of whose images stays.
WITH gone AS (
    SELECT
        images.image_id,
        images.patient_id,
    FROM images
    SEMI JOIN gone_images USING (image_id)
),

staying AS (
    SELECT DISTINCT images.patient_id
    FROM images
    SEMI JOIN gone USING (patient_id)
    ANTI JOIN gone_images USING (image_id)
)

SELECT image_id AS text
FROM gone

UNION ALL

SELECT DISTINCT gone.patient_id AS text
FROM gone
ANTI JOIN staying USING (patient_id);
