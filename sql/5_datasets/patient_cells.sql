-- patient_cells: one row per (patient, cell): how many units.
-- reads: members, cells, unit_strata
-- A unit with two findings of a class counts in both findings, and once in the class.
SELECT
    members.patient_id,
    cells.cell,
    CAST(count(DISTINCT members.unit_id) AS BIGINT) AS units,
FROM members
INNER JOIN cells USING (class, finding)
GROUP BY members.patient_id, cells.cell

UNION ALL

SELECT
    members.patient_id,
    cells.cell,
    CAST(count(DISTINCT members.unit_id) AS BIGINT) AS units,
FROM members
INNER JOIN cells ON members.class = cells.class AND cells.finding = '' AND cells.stratum = ''
GROUP BY members.patient_id, cells.cell

UNION ALL

SELECT
    members.patient_id,
    cells.cell,
    CAST(count(DISTINCT members.unit_id) AS BIGINT) AS units,
FROM members
INNER JOIN unit_strata USING (class, unit_id)
INNER JOIN cells USING (class, stratum)
GROUP BY members.patient_id, cells.cell;
