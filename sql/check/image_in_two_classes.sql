-- image_in_two_classes: one row per (dataset, image) in several classes that has to be in one.
-- reads: experiments.dataset, experiments.members
SELECT
    recorded.name AS dataset,
    members.image_id,
    count(DISTINCT members.class) AS classes,
FROM experiments.dataset AS recorded
INNER JOIN experiments.members ON recorded.name = members.dataset
WHERE recorded.overlap <> 'keep'
GROUP BY recorded.name, members.image_id
HAVING count(DISTINCT members.class) > 1;
