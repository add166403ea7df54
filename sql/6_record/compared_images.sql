-- compared_images: one row per image of either of two recorded datasets.
-- reads: experiments.members
-- params: $first = 'paper', $second = 'lung-vs-heart'
-- columns:
--   image_id         the image
--   patient_id       its patient
--   difference       what is not the same in both: split, class, class and split, findings, or
--                    same; first or second: the only dataset that holds it
--   first_split      its split in the first dataset
--   second_split     its split in the second
--   first_classes    its class in the first dataset; several are joined by |
--   second_classes   its class in the second
--   first_findings   the findings for which it is in the first dataset, joined by |
--   second_findings  the findings for which it is in the second
WITH first_images AS (
    SELECT
        image_id,
        min(patient_id) AS patient_id,
        string_agg(DISTINCT split, '|' ORDER BY split) AS split,
        string_agg(DISTINCT class, '|' ORDER BY class) AS classes,
        string_agg(DISTINCT finding, '|' ORDER BY finding) AS findings,
        list_sort(list(DISTINCT {'class': class, 'finding': finding})) AS labels,
    FROM experiments.members
    WHERE dataset = $first
    GROUP BY image_id
),

second_images AS (
    SELECT
        image_id,
        min(patient_id) AS patient_id,
        string_agg(DISTINCT split, '|' ORDER BY split) AS split,
        string_agg(DISTINCT class, '|' ORDER BY class) AS classes,
        string_agg(DISTINCT finding, '|' ORDER BY finding) AS findings,
        list_sort(list(DISTINCT {'class': class, 'finding': finding})) AS labels,
    FROM experiments.members
    WHERE dataset = $second
    GROUP BY image_id
)

SELECT
    coalesce(first_images.image_id, second_images.image_id) AS image_id,
    coalesce(first_images.patient_id, second_images.patient_id) AS patient_id,
    CASE
        WHEN second_images.image_id IS NULL THEN 'first'
        WHEN first_images.image_id IS NULL THEN 'second'
        WHEN first_images.classes <> second_images.classes
            AND first_images.split <> second_images.split THEN 'class and split'
        WHEN first_images.classes <> second_images.classes THEN 'class'
        WHEN first_images.split <> second_images.split THEN 'split'
        WHEN first_images.labels <> second_images.labels THEN 'findings'
        ELSE 'same'
    END AS difference,
    first_images.split AS first_split,
    second_images.split AS second_split,
    first_images.classes AS first_classes,
    second_images.classes AS second_classes,
    first_images.findings AS first_findings,
    second_images.findings AS second_findings,
FROM first_images
FULL OUTER JOIN second_images USING (image_id)
ORDER BY image_id;
