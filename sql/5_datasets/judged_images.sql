-- judged_images: one row per (class, image): the first filter that takes the image out, or kept.
-- reads: class_images, class_order, images, chosen_images, outside_images, damaged_images,
-- reads: excluded_images, class_members, images_excluded_by_rule, eligible, selection
-- reads: dataset_members
-- reads: filter_order
-- params: $pure = FALSE
-- filter_order has the filters in the order in which they are asked, and as its last what is kept.
-- An image that several filters would take counts for the first of them alone. A class that is none
-- of the recipe's holds images that belong to no class, and are asked for.
WITH claimed AS (
    SELECT DISTINCT
        class,
        image_id,
    FROM class_members
),

kept AS (
    SELECT DISTINCT
        class,
        image_id,
    FROM dataset_members
),

drawn AS (
    SELECT DISTINCT
        eligible.class,
        eligible.image_id,
    FROM eligible
    INNER JOIN selection USING (unit_id)
),

known AS (
    SELECT
        class_images.class,
        class_images.image_id,
        chosen_images.image_id IS NOT NULL AS is_chosen,
        outside_images.image_id IS NOT NULL AS is_outside,
        coalesce(images.present, TRUE) AS is_there,
        damaged_images.image_id IS NOT NULL AS is_damaged,
        excluded_images.image_id IS NOT NULL AS is_excluded,
        array_length(images.findings) = 1 AS is_pure,
        class_order.class IS NOT NULL AS is_of_a_class,
        claimed.image_id IS NOT NULL AS is_claimed,
        coalesce(images_excluded_by_rule.reason, '') AS reason,
        drawn.image_id IS NOT NULL AS is_drawn,
        kept.image_id IS NOT NULL AS is_kept,
    FROM class_images
    INNER JOIN images USING (image_id)
    LEFT JOIN class_order ON class_images.class = class_order.class
    LEFT JOIN chosen_images ON class_images.image_id = chosen_images.image_id
    LEFT JOIN outside_images ON class_images.image_id = outside_images.image_id
    LEFT JOIN damaged_images ON class_images.image_id = damaged_images.image_id
    LEFT JOIN excluded_images ON class_images.image_id = excluded_images.image_id
    LEFT JOIN claimed
        ON class_images.class = claimed.class AND class_images.image_id = claimed.image_id
    LEFT JOIN images_excluded_by_rule ON class_images.image_id = images_excluded_by_rule.image_id
    LEFT JOIN drawn ON class_images.class = drawn.class AND class_images.image_id = drawn.image_id
    LEFT JOIN kept ON class_images.class = kept.class AND class_images.image_id = kept.image_id
),

taken AS (
    SELECT
        known.class,
        known.image_id,
        min(filter_order.position) AS position,
    FROM known
    CROSS JOIN filter_order
    WHERE
        CASE filter_order.filter
            WHEN 'where' THEN NOT known.is_chosen
            WHEN 'within' THEN known.is_outside
            WHEN 'file' THEN NOT known.is_there
            WHEN 'damaged' THEN known.is_damaged
            WHEN 'exclude' THEN known.is_excluded
            WHEN 'pure' THEN $pure AND NOT known.is_pure
            WHEN 'class' THEN NOT known.is_of_a_class
            WHEN 'overlap' THEN NOT known.is_claimed
            WHEN 'balance' THEN NOT known.is_drawn
            WHEN 'size' THEN NOT known.is_kept
            WHEN 'kept' THEN TRUE
            ELSE filter_order.filter = known.reason
        END
    GROUP BY known.class, known.image_id
)

SELECT
    taken.class,
    taken.image_id,
    filter_order.filter,
FROM taken
INNER JOIN filter_order USING (position);
