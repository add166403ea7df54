-- unit_strata: one row per (class, unit, stratum) of members.
-- reads: members, image_strata, unit_combinations
-- A stratum is a value of a column to stratify by, such as sex M, or behind = a combination to
-- match. A unit of several images may have several values of a column, and has one combination.
SELECT DISTINCT
    members.class,
    members.unit_id,
    image_strata.stratum,
FROM members
INNER JOIN image_strata USING (image_id)

UNION ALL

SELECT DISTINCT
    members.class,
    members.unit_id,
    concat('=', unit_combinations.combination) AS stratum,
FROM members
INNER JOIN unit_combinations USING (unit_id);
