-- image_of_two_classes: one row per (image, class, other class) that the recipe would not leave so.
-- reads: audited, cohort, candidates, class_order
-- params: $overlap = 'drop'
-- A unit of several classes is dropped, belongs to the first of them, or stays in all.
WITH members AS (
    SELECT DISTINCT
        audited.image_id,
        audited.split,
        audited.class,
        cohort.unit_id,
        class_order.position,
    FROM audited
    INNER JOIN cohort USING (image_id)
    INNER JOIN class_order USING (class)
),

unit_classes AS (
    SELECT DISTINCT
        candidates.unit_id,
        candidates.class,
        class_order.position,
    FROM candidates
    INNER JOIN class_order USING (class)
),

image_classes AS (
    SELECT DISTINCT
        image_id,
        class,
    FROM candidates
),

lacking AS (
    SELECT
        members.image_id,
        members.class,
        image_classes.class AS other_class,
        members.split,
    FROM members
    INNER JOIN image_classes USING (image_id)
    ANTI JOIN members AS others
        ON image_classes.image_id = others.image_id AND image_classes.class = others.class
    WHERE $overlap = 'keep'
),

unsettled AS (
    SELECT
        members.image_id,
        members.class,
        unit_classes.class AS other_class,
        members.split,
    FROM members
    INNER JOIN unit_classes
        ON members.unit_id = unit_classes.unit_id AND members.class <> unit_classes.class
    WHERE
        $overlap = 'drop'
        OR ($overlap = 'first' AND unit_classes.position < members.position)

    UNION ALL

    FROM lacking
)

SELECT
    image_id,
    class,
    other_class,
    list_sort(list(DISTINCT split)) AS splits,
FROM unsettled
GROUP BY image_id, class, other_class
ORDER BY image_id, class, other_class;
