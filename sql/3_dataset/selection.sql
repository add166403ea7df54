-- selection: one row per (class, image) that stays after balancing.
-- reads: members, splits, targets
-- params: $seed = 1
-- targets says how many images each class keeps in each split; chance says which.
WITH class_images AS (
    SELECT DISTINCT
        members.class,
        members.image_id,
        splits.split,
    FROM members
    INNER JOIN splits USING (patient_id)
),

shuffled AS (
    SELECT
        class,
        image_id,
        split,
        row_number() OVER (
            PARTITION BY class, split
            ORDER BY md5(concat($seed, '|', image_id)), image_id
        ) AS place,
    FROM class_images
)

SELECT
    shuffled.class,
    shuffled.image_id,
    shuffled.split,
FROM shuffled
INNER JOIN targets USING (split)
WHERE shuffled.place <= targets.images;
