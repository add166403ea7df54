-- classes_unequal: one row per (dataset, split) in which the classes have different sizes.
-- reads: experiments.members
WITH sizes AS (
    SELECT
        dataset,
        split,
        class,
        count(DISTINCT image_id) AS images,
    FROM experiments.members
    GROUP BY dataset, split, class
)

SELECT
    dataset,
    split,
    min(images) AS smallest,
    max(images) AS largest,
FROM sizes
GROUP BY dataset, split
HAVING min(images) <> max(images);
