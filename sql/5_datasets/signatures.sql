-- signatures: one row per patient: what the patient would bring to a split, and to which.
-- reads: patient_cells, patient_limits
-- A signature has a number for each cell: the cell, six digits for the units. Patients with the
-- same signature are exchangeable, so they are allocated together: a few hundred signatures stand
-- for a hundred thousand patients.
WITH brought AS (
    SELECT
        patient_id,
        list_sort(list(cell * CAST(1000000 AS BIGINT) + units)) AS signature,
    FROM patient_cells
    GROUP BY patient_id
)

SELECT
    brought.patient_id,
    brought.signature,
    coalesce(patient_limits.limit_to, '') AS limit_to,
FROM brought
LEFT JOIN patient_limits USING (patient_id);
