-- dataset_units: one row per (class, finding, split): units; finding '' is the class as a whole.
-- reads: eligible, sized_selection
SELECT
    eligible.class,
    eligible.finding,
    sized_selection.split,
    CAST(count(DISTINCT eligible.unit_id) AS BIGINT) AS units,
FROM sized_selection
INNER JOIN eligible USING (unit_id)
GROUP BY eligible.class, eligible.finding, sized_selection.split

UNION ALL

SELECT
    eligible.class,
    '' AS finding,
    sized_selection.split,
    CAST(count(DISTINCT eligible.unit_id) AS BIGINT) AS units,
FROM sized_selection
INNER JOIN eligible USING (unit_id)
GROUP BY eligible.class, sized_selection.split;
