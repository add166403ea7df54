-- combination_counts: one row per (class, combination): the units that may be in.
-- reads: class_members, images_excluded_by_rule, unit_combinations
WITH open_units AS (
    SELECT DISTINCT
        class_members.class,
        class_members.unit_id,
    FROM class_members
    ANTI JOIN images_excluded_by_rule USING (image_id)
)

SELECT
    open_units.class,
    unit_combinations.combination,
    CAST(count(*) AS BIGINT) AS units,
FROM open_units
INNER JOIN unit_combinations USING (unit_id)
GROUP BY open_units.class, unit_combinations.combination
ORDER BY unit_combinations.combination, open_units.class;
