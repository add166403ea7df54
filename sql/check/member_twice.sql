-- member_twice: one row per (dataset, class, finding, image) that is recorded more than once.
-- reads: experiments.members
SELECT
    dataset,
    class,
    finding,
    image_id,
    count(*) AS times,
FROM experiments.members
GROUP BY dataset, class, finding, image_id
HAVING count(*) > 1;
