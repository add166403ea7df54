-- finding_not_held: one row per (image, split, class, finding) that the labels don't bear out.
-- reads: recorded_members, class_images, class_findings, images, postings
-- Where the class itself doesn't hold any more, label_not_held tells of it. An image that counts as
-- none of the findings of its class has none of them.
WITH members AS (
    SELECT
        recorded_members.image_id,
        recorded_members.split,
        recorded_members.class,
        recorded_members.finding,
    FROM recorded_members
    SEMI JOIN class_images USING (class, image_id)
),

shown AS (
    SELECT DISTINCT
        class_findings.class,
        postings.finding,
        postings.image_id,
    FROM postings
    INNER JOIN class_findings USING (finding)
),

without_any AS (
    SELECT
        members.image_id,
        members.split,
        members.class,
        members.finding,
    FROM members
    SEMI JOIN shown USING (class, image_id)
    WHERE members.finding = concat('none of ', members.class)
),

lost AS (
    SELECT
        members.image_id,
        members.split,
        members.class,
        members.finding,
    FROM members
    ANTI JOIN shown USING (class, finding, image_id)
    WHERE members.finding <> concat('none of ', members.class)

    UNION ALL

    FROM without_any
)

SELECT
    lost.image_id,
    lost.split,
    lost.class,
    lost.finding,
    images.findings,
FROM lost
INNER JOIN images USING (image_id)
ORDER BY lost.image_id, lost.split, lost.class, lost.finding;
