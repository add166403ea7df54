-- same_images: one row per pair of classes that hold the same images.
-- reads: class_images
WITH sizes AS (
    SELECT
        class,
        count(*) AS images,
    FROM class_images
    GROUP BY class
),

pairs AS (
    SELECT
        sizes.class,
        others.class AS other_class,
        sizes.images,
    FROM sizes
    INNER JOIN sizes AS others ON sizes.images = others.images
    WHERE sizes.class < others.class
)

SELECT
    pairs.class,
    pairs.other_class,
FROM pairs
INNER JOIN class_images ON pairs.class = class_images.class
INNER JOIN class_images AS others
    ON pairs.other_class = others.class AND class_images.image_id = others.image_id
GROUP BY pairs.class, pairs.other_class, pairs.images
HAVING count(*) = pairs.images
ORDER BY pairs.class, pairs.other_class;
