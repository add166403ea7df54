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
        class_images.class,
        others.class AS other_class,
        count(*) AS images,
    FROM class_images
    INNER JOIN class_images AS others USING (image_id)
    WHERE class_images.class < others.class
    GROUP BY class_images.class, others.class
)

SELECT
    pairs.class,
    pairs.other_class,
FROM pairs
INNER JOIN sizes ON pairs.class = sizes.class AND pairs.images = sizes.images
INNER JOIN sizes AS other_sizes
    ON pairs.other_class = other_sizes.class AND pairs.images = other_sizes.images
ORDER BY pairs.class, pairs.other_class;
