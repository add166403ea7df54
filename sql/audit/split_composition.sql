-- split_composition: one row per (split, class): what is in it; class '' is the split as a whole.
-- reads: audited
-- columns:
--   split     the split
--   class     a class of it
--   images    distinct images
--   patients  distinct patients, as far as the store knows them
--   leaking   those of them who are in another split too
WITH spread AS (
    SELECT
        patient_id,
        count(DISTINCT split) > 1 AS leaking,
    FROM audited
    WHERE patient_id IS NOT NULL
    GROUP BY patient_id
),

counted AS (
    SELECT
        audited.split,
        audited.class,
        audited.image_id,
        audited.patient_id,
    FROM audited
    WHERE audited.class IS NOT NULL

    UNION ALL

    SELECT
        audited.split,
        '' AS class,
        audited.image_id,
        audited.patient_id,
    FROM audited
)

SELECT
    counted.split,
    counted.class,
    CAST(count(DISTINCT counted.image_id) AS BIGINT) AS images,
    CAST(count(DISTINCT counted.patient_id) AS BIGINT) AS patients,
    CAST(count(DISTINCT counted.patient_id) FILTER (spread.leaking) AS BIGINT) AS leaking,
FROM counted
LEFT JOIN spread USING (patient_id)
GROUP BY counted.split, counted.class
ORDER BY counted.split, counted.class;
