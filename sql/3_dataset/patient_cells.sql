-- patient_cells: one row per (patient, class, finding): how many images; finding '' is the class.
-- reads: members
-- An image with two findings of a class counts in both findings, and once in the class.
SELECT
    patient_id,
    class,
    finding,
    CAST(count(*) AS BIGINT) AS images,
FROM members
GROUP BY patient_id, class, finding

UNION ALL

SELECT
    patient_id,
    class,
    '' AS finding,
    CAST(count(DISTINCT image_id) AS BIGINT) AS images,
FROM members
GROUP BY patient_id, class;
