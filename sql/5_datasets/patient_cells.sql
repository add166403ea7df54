-- patient_cells: one row per (patient, cell): how many units.
-- reads: eligible, cells, unit_strata
-- A unit with two findings of a class counts in both findings, and once in the class.
SELECT
    eligible.patient_id,
    cells.cell,
    CAST(count(DISTINCT eligible.unit_id) AS BIGINT) AS units,
FROM eligible
INNER JOIN cells USING (class, finding)
GROUP BY eligible.patient_id, cells.cell

UNION ALL

SELECT
    eligible.patient_id,
    cells.cell,
    CAST(count(DISTINCT eligible.unit_id) AS BIGINT) AS units,
FROM eligible
INNER JOIN cells ON eligible.class = cells.class AND cells.finding = '' AND cells.stratum = ''
GROUP BY eligible.patient_id, cells.cell

UNION ALL

SELECT
    eligible.patient_id,
    cells.cell,
    CAST(count(DISTINCT eligible.unit_id) AS BIGINT) AS units,
FROM eligible
INNER JOIN unit_strata USING (class, unit_id)
INNER JOIN cells USING (class, stratum)
GROUP BY eligible.patient_id, cells.cell;
