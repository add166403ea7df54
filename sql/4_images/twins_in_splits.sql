-- twins_in_splits: one row per image that has a twin in another split of a recorded dataset.
-- reads: recorded_members, twin_members
WITH placed AS (
    SELECT DISTINCT
        twin_members.twin_group,
        recorded_members.image_id,
        recorded_members.patient_id,
        recorded_members.split,
    FROM recorded_members
    INNER JOIN twin_members USING (image_id)
),

torn AS (
    SELECT twin_group
    FROM placed
    GROUP BY twin_group
    HAVING count(DISTINCT split) > 1
)

SELECT
    placed.twin_group,
    placed.image_id,
    placed.patient_id,
    placed.split,
FROM placed
INNER JOIN torn USING (twin_group)
ORDER BY placed.twin_group, placed.image_id;
