-- removals: one row per (class, filter): the images of the class that the filter took out.
-- reads: class_images, images, chosen_images, damaged_images, excluded_images, cohort, claims,
-- reads: left_out_images, members, selection, dataset_members
-- The filters are asked in their order, and an image is counted where it fell first; kept is not a
-- filter but what is left.
WITH claimed AS (
    SELECT DISTINCT
        class,
        image_id,
    FROM claims
),

kept AS (
    SELECT DISTINCT
        class,
        image_id,
    FROM dataset_members
),

drawn AS (
    SELECT DISTINCT
        members.class,
        members.image_id,
    FROM members
    INNER JOIN selection USING (unit_id)
),

judged AS (
    SELECT
        class_images.class,
        CASE
            WHEN chosen_images.image_id IS NULL THEN 'where'
            WHEN NOT coalesce(images.present, TRUE) THEN 'file'
            WHEN damaged_images.image_id IS NOT NULL THEN 'damaged'
            WHEN excluded_images.image_id IS NOT NULL THEN 'exclude'
            WHEN cohort.image_id IS NULL THEN 'pure'
            WHEN claimed.image_id IS NULL THEN 'overlap'
            WHEN left_out_images.image_id IS NOT NULL THEN left_out_images.reason
            WHEN drawn.image_id IS NULL THEN 'balance'
            WHEN kept.image_id IS NULL THEN 'size'
            ELSE 'kept'
        END AS filter,
    FROM class_images
    INNER JOIN images USING (image_id)
    LEFT JOIN chosen_images ON class_images.image_id = chosen_images.image_id
    LEFT JOIN damaged_images ON class_images.image_id = damaged_images.image_id
    LEFT JOIN excluded_images ON class_images.image_id = excluded_images.image_id
    LEFT JOIN cohort ON class_images.image_id = cohort.image_id
    LEFT JOIN claimed
        ON class_images.class = claimed.class AND class_images.image_id = claimed.image_id
    LEFT JOIN left_out_images ON class_images.image_id = left_out_images.image_id
    LEFT JOIN drawn ON class_images.class = drawn.class AND class_images.image_id = drawn.image_id
    LEFT JOIN kept ON class_images.class = kept.class AND class_images.image_id = kept.image_id
)

SELECT
    class,
    filter,
    CAST(count(*) AS BIGINT) AS images,
FROM judged
GROUP BY class, filter
ORDER BY class, filter;
