-- unit_combinations: one row per unit that may be in: its values in the columns to match by.
-- reads: class_members, images_excluded_by_rule, image_combinations
-- A unit whose images differ has a value of its own: it matches those that differ too.
WITH valued AS (
    SELECT DISTINCT
        class_members.unit_id,
        image_combinations.combination,
    FROM class_members
    INNER JOIN image_combinations USING (image_id)
    ANTI JOIN images_excluded_by_rule USING (image_id)
)

SELECT
    unit_id,
    CASE WHEN count(*) = 1 THEN min(combination) ELSE 'several values' END AS combination,
FROM valued
GROUP BY unit_id;
