-- unmatched_units: one row per (combination, class): the units left out, of those that may be in.
-- reads: combination_counts, unit_combinations, eligible, selection
WITH kept AS (
    SELECT
        eligible.class,
        unit_combinations.combination,
        CAST(count(DISTINCT eligible.unit_id) AS BIGINT) AS units,
    FROM selection
    INNER JOIN eligible USING (unit_id)
    INNER JOIN unit_combinations USING (unit_id)
    GROUP BY eligible.class, unit_combinations.combination
)

SELECT
    combination_counts.combination,
    combination_counts.class,
    combination_counts.units - coalesce(kept.units, 0) AS units,
FROM combination_counts
LEFT JOIN kept
    ON combination_counts.class = kept.class AND combination_counts.combination = kept.combination
WHERE combination_counts.units > coalesce(kept.units, 0);
