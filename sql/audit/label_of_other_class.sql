-- label_of_other_class: one row per (image, class, other class) of a label that is the other's.
-- reads: compared_members, compared_findings, member_images
-- columns:
--   image_id     an image of the class, and not of the other
--   class        its class
--   other_class  a class whose label it carries too
--   findings     those findings of the other class
-- A finding of both classes, as where they differ in its place, is a label of neither alone.
WITH members AS (
    SELECT DISTINCT
        image_id,
        class,
    FROM compared_members
    WHERE class IS NOT NULL
),

classes AS (
    SELECT DISTINCT class
    FROM compared_findings
),

foreign_findings AS (
    SELECT
        classes.class,
        others.class AS other_class,
        others.finding,
    FROM classes
    INNER JOIN compared_findings AS others ON classes.class <> others.class
    ANTI JOIN compared_findings AS own
        ON classes.class = own.class AND others.finding = own.finding
),

shown AS (
    SELECT
        image_id,
        unnest(findings) AS finding,
    FROM member_images
),

labels AS (
    SELECT
        members.image_id,
        members.class,
        foreign_findings.other_class,
        foreign_findings.finding,
    FROM shown
    INNER JOIN members ON shown.image_id = members.image_id
    INNER JOIN foreign_findings
        ON members.class = foreign_findings.class AND shown.finding = foreign_findings.finding
)

SELECT
    labels.image_id,
    labels.class,
    labels.other_class,
    list_sort(list(DISTINCT labels.finding)) AS findings,
FROM labels
ANTI JOIN members AS others
    ON labels.image_id = others.image_id AND labels.other_class = others.class
GROUP BY labels.image_id, labels.class, labels.other_class
ORDER BY labels.image_id, labels.class, labels.other_class;
