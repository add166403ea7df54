-- unmatched_images: one row per image whose combination lacks units of a class.
-- reads: class_members, images_excluded_by_rule, unit_combinations, combination_counts, class_parts
-- class_parts has a row for each class, with its part of the ratio.
WITH wanting AS (
    SELECT
        combination_counts.combination,
        count(*) AS classes,
    FROM combination_counts
    INNER JOIN class_parts USING (class)
    WHERE combination_counts.units >= class_parts.part
    GROUP BY combination_counts.combination
),

whole AS (
    SELECT wanting.combination
    FROM wanting
    WHERE wanting.classes = (SELECT count(*) FROM class_parts)
)

SELECT DISTINCT class_members.image_id
FROM class_members
INNER JOIN unit_combinations USING (unit_id)
ANTI JOIN images_excluded_by_rule ON class_members.image_id = images_excluded_by_rule.image_id
ANTI JOIN whole ON unit_combinations.combination = whole.combination;
