-- match_missed: one row per (split, combination, class) whose units are not the class's part.
-- reads: audited, cohort, image_combinations, class_parts
-- Combinations are of the columns to match by; a unit whose images differ has one of its own.
WITH units AS (
    SELECT
        audited.split,
        audited.class,
        cohort.unit_id,
        CASE
            WHEN count(DISTINCT image_combinations.combination) = 1
                THEN min(image_combinations.combination)
            ELSE 'several values'
        END AS combination,
    FROM audited
    INNER JOIN cohort USING (image_id)
    INNER JOIN image_combinations USING (image_id)
    GROUP BY audited.split, audited.class, cohort.unit_id
),

combinations AS (
    SELECT DISTINCT
        split,
        combination,
    FROM units
),

counted AS (
    SELECT
        combinations.split,
        combinations.combination,
        class_parts.class,
        class_parts.part,
        count(units.unit_id) AS units,
    FROM combinations
    CROSS JOIN class_parts
    LEFT JOIN units
        ON
            combinations.split = units.split
            AND combinations.combination = units.combination
            AND class_parts.class = units.class
    GROUP BY combinations.split, combinations.combination, class_parts.class, class_parts.part
),

wanted AS (
    SELECT
        split,
        combination,
        class,
        units,
        part,
        min(units // part) OVER (PARTITION BY split, combination) * part AS matching,
    FROM counted
)

SELECT
    split,
    combination,
    class,
    units,
    matching,
FROM wanted
WHERE units <> matching
ORDER BY split, combination, class;
