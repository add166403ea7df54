-- unmatched_images: one row per image whose combination lacks units of a class.
-- reads: claims, left_out_images, unit_combinations, combination_counts, class_parts
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

SELECT DISTINCT claims.image_id
FROM claims
INNER JOIN unit_combinations USING (unit_id)
ANTI JOIN left_out_images ON claims.image_id = left_out_images.image_id
ANTI JOIN whole ON unit_combinations.combination = whole.combination;
