-- unit_kinds: one row per unit: its split, and its kind, the cells that it counts in.
-- reads: eligible, cells, unit_strata, splits
-- Units of the same kind and split are exchangeable when some are left out for the balance.
WITH counted AS (
    SELECT DISTINCT
        eligible.unit_id,
        eligible.patient_id,
        cells.cell,
    FROM eligible
    INNER JOIN cells USING (class, finding)

    UNION

    SELECT DISTINCT
        eligible.unit_id,
        eligible.patient_id,
        cells.cell,
    FROM eligible
    INNER JOIN unit_strata USING (class, unit_id)
    INNER JOIN cells USING (class, stratum)
)

SELECT
    counted.unit_id,
    splits.split,
    list_sort(list(counted.cell)) AS kind,
FROM counted
INNER JOIN splits USING (patient_id)
GROUP BY counted.unit_id, splits.split;
