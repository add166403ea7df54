-- balancing: one row per class of an image that is no member: its split, and what was drawn there.
-- reads: eligible, splits, dataset_units
-- params: $image_id = 'demo_0000007_01-001-009.png'
-- columns:
--   class      the class
--   split      the split of the image's patient
--   available  units of the class in that split
--   kept       those of them that were drawn
WITH asked AS (
    SELECT DISTINCT
        eligible.class,
        splits.split,
    FROM eligible
    INNER JOIN splits USING (patient_id)
    WHERE eligible.image_id = $image_id
)

SELECT
    asked.class,
    asked.split,
    CAST(count(DISTINCT eligible.unit_id) AS BIGINT) AS available,
    dataset_units.units AS kept,
FROM asked
INNER JOIN eligible USING (class)
INNER JOIN splits ON eligible.patient_id = splits.patient_id AND asked.split = splits.split
INNER JOIN dataset_units
    ON asked.class = dataset_units.class
    AND asked.split = dataset_units.split
    AND dataset_units.finding = ''
GROUP BY asked.class, asked.split, dataset_units.units
ORDER BY asked.class;
