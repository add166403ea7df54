-- dataset_units: one row per (class, finding, split): units; finding '' is the class as a whole.
-- reads: members, selection
SELECT
    members.class,
    members.finding,
    selection.split,
    CAST(count(DISTINCT members.unit_id) AS BIGINT) AS units,
FROM selection
INNER JOIN members USING (unit_id)
GROUP BY members.class, members.finding, selection.split

UNION ALL

SELECT
    members.class,
    '' AS finding,
    selection.split,
    CAST(count(DISTINCT members.unit_id) AS BIGINT) AS units,
FROM selection
INNER JOIN members USING (unit_id)
GROUP BY members.class, selection.split;
