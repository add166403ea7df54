-- crowded_patient: one row per (patient, class) with more images than the recipe takes of one.
-- reads: audited
-- params: $per_patient = 2
SELECT
    patient_id,
    class,
    count(DISTINCT image_id) AS images,
FROM audited
WHERE patient_id IS NOT NULL
GROUP BY patient_id, class
HAVING count(DISTINCT image_id) > $per_patient
ORDER BY patient_id, class;
