-- split_units: one row per (split, class): the units that it holds; class '' is the whole split.
-- reads: audited
-- params: $unit = 'image'
-- A unit is an image, a study or a patient. The ids of studies are unique within a patient only.
WITH units AS (
    SELECT
        split,
        class,
        CASE $unit
            WHEN 'patient' THEN patient_id
            WHEN 'study' THEN concat(patient_id, '|', study_id)
            ELSE image_id
        END AS unit_id,
    FROM audited
),

counted AS (
    SELECT
        split,
        class,
        unit_id,
    FROM units
    WHERE class IS NOT NULL

    UNION ALL

    SELECT
        split,
        '' AS class,
        unit_id,
    FROM units
)

SELECT
    split,
    class,
    CAST(count(DISTINCT unit_id) AS BIGINT) AS units,
FROM counted
GROUP BY split, class
ORDER BY split, class;
