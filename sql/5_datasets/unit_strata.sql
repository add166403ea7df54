-- unit_strata: one row per (class, unit, stratum) of eligible.
-- reads: eligible, image_strata, unit_combinations
-- A stratum is a value of a column to stratify by, such as sex M, or behind = a combination to
-- match. A unit of several images may have several values of a column, and has one combination.
SELECT DISTINCT
    eligible.class,
    eligible.unit_id,
    image_strata.stratum,
FROM eligible
INNER JOIN image_strata USING (image_id)

UNION ALL

SELECT DISTINCT
    eligible.class,
    eligible.unit_id,
    concat('=', unit_combinations.combination) AS stratum,
FROM eligible
INNER JOIN unit_combinations USING (unit_id);
