-- unequal_classes: one row per split in which the classes have different sizes.
-- reads: split_composition
-- A class that a split lacks has 0 images there.
WITH classes AS (
    SELECT DISTINCT class
    FROM split_composition
    WHERE class <> ''
),

splits AS (
    SELECT DISTINCT split
    FROM split_composition
),

sizes AS (
    SELECT
        splits.split,
        coalesce(split_composition.images, 0) AS images,
    FROM splits
    CROSS JOIN classes
    LEFT JOIN split_composition
        ON splits.split = split_composition.split AND classes.class = split_composition.class
)

SELECT
    split,
    min(images) AS smallest,
    max(images) AS largest,
FROM sizes
GROUP BY split
HAVING min(images) <> max(images)
ORDER BY split;
