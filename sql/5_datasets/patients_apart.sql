-- patients_apart: one row: the patients of a recipe that another dataset holds out, or trains on.
-- reads: class_members, known_patients
WITH patients AS (
    SELECT DISTINCT patient_id
    FROM class_members
)

SELECT
    CAST(count(*) FILTER (known_patients.held_out) AS BIGINT) AS held_out,
    CAST(count(*) FILTER (NOT known_patients.held_out) AS BIGINT) AS trained_on,
FROM patients
INNER JOIN known_patients USING (patient_id);
