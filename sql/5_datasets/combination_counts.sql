-- combination_counts: one row per (class, combination): the units that may be in.
-- reads: claims, left_out_images, unit_combinations
WITH open_units AS (
    SELECT DISTINCT
        claims.class,
        claims.unit_id,
    FROM claims
    ANTI JOIN left_out_images USING (image_id)
)

SELECT
    open_units.class,
    unit_combinations.combination,
    CAST(count(*) AS BIGINT) AS units,
FROM open_units
INNER JOIN unit_combinations USING (unit_id)
GROUP BY open_units.class, unit_combinations.combination
ORDER BY unit_combinations.combination, open_units.class;
