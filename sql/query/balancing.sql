-- balancing: one row per class of an image that is no member: its split, and what was drawn there.
-- reads: members, splits, targets
-- params: $image_id = 'demo_0000007_01-001-009.png'
-- columns:
--   class      the class
--   split      the split of the image's patient
--   available  images of the class in that split
--   kept       those of them that were drawn
WITH asked AS (
    SELECT DISTINCT
        members.class,
        splits.split,
    FROM members
    INNER JOIN splits USING (patient_id)
    WHERE members.image_id = $image_id
)

SELECT
    asked.class,
    asked.split,
    CAST(count(DISTINCT members.image_id) AS BIGINT) AS available,
    targets.images AS kept,
FROM asked
INNER JOIN members USING (class)
INNER JOIN splits ON members.patient_id = splits.patient_id AND asked.split = splits.split
INNER JOIN targets ON asked.split = targets.split
GROUP BY asked.class, asked.split, targets.images;
