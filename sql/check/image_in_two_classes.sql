-- image_in_two_classes: one row per (dataset, image) that is in several classes.
-- reads: experiments.members
SELECT
    dataset,
    image_id,
    count(DISTINCT class) AS classes,
FROM experiments.members
GROUP BY dataset, image_id
HAVING count(DISTINCT class) > 1;
