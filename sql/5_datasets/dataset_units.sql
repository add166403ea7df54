-- dataset_units: one row per (class, finding, split): units; finding '' is the class as a whole.
-- reads: members, sized_selection
SELECT
    members.class,
    members.finding,
    sized_selection.split,
    CAST(count(DISTINCT members.unit_id) AS BIGINT) AS units,
FROM sized_selection
INNER JOIN members USING (unit_id)
GROUP BY members.class, members.finding, sized_selection.split

UNION ALL

SELECT
    members.class,
    '' AS finding,
    sized_selection.split,
    CAST(count(DISTINCT members.unit_id) AS BIGINT) AS units,
FROM sized_selection
INNER JOIN members USING (unit_id)
GROUP BY members.class, sized_selection.split;
