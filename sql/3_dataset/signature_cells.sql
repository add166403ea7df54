-- signature_cells: one row per (signature, class, finding): images that one such patient brings.
-- reads: signatures, patient_cells
WITH examples AS (
    SELECT
        signature,
        min(patient_id) AS patient_id,
        CAST(count(*) AS BIGINT) AS patients,
    FROM signatures
    GROUP BY signature
)

SELECT
    examples.signature,
    examples.patients,
    patient_cells.class,
    patient_cells.finding,
    patient_cells.images,
FROM examples
INNER JOIN patient_cells USING (patient_id)
ORDER BY examples.signature, patient_cells.class, patient_cells.finding;
