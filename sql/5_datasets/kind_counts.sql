-- kind_counts: one row per (kind, split): units that there are.
-- reads: unit_kinds
SELECT
    kind,
    split,
    CAST(count(*) AS BIGINT) AS units,
FROM unit_kinds
GROUP BY kind, split
ORDER BY kind, split;
