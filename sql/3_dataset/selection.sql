-- selection: one row per (class, image) that stays after balancing.
-- reads: members, splits, targets
-- params: $seed = 1
-- targets says how many images each class keeps in each split. Images are drawn up by the findings
-- they show, in the order of chance within, and every n-th stays (a systematic sample): whatever
-- the number kept, each finding keeps its share of its class.
WITH split_images AS (
    SELECT
        members.class,
        members.image_id,
        splits.split,
        string_agg(members.finding, chr(31) ORDER BY members.finding) AS findings,
    FROM members
    INNER JOIN splits USING (patient_id)
    GROUP BY members.class, members.image_id, splits.split
),

drawn_up AS (
    SELECT
        class,
        image_id,
        split,
        row_number() OVER (
            PARTITION BY class, split
            ORDER BY
                md5(concat($seed, '|', findings)),
                findings,
                md5(concat($seed, '|', image_id)),
                image_id
        ) AS place,
        count(*) OVER (PARTITION BY class, split) AS available,
    FROM split_images
)

SELECT
    drawn_up.class,
    drawn_up.image_id,
    drawn_up.split,
FROM drawn_up
INNER JOIN targets USING (split)
WHERE
    drawn_up.place * targets.images // drawn_up.available
    > (drawn_up.place - 1) * targets.images // drawn_up.available;
