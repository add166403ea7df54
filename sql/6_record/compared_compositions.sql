-- compared_compositions: one row per (class, finding) of either of two recorded datasets.
-- reads: experiments.members
-- params: $first = 'paper', $second = 'lung-vs-heart'
-- columns:
--   class          a class of either dataset
--   finding        a finding of it; '' is the class as a whole
--   first_images   its images in the first dataset
--   second_images  its images in the second
--   difference     how many more the second has
WITH counts AS (
    SELECT
        class,
        finding,
        count(DISTINCT image_id) FILTER (dataset = $first) AS first_images,
        count(DISTINCT image_id) FILTER (dataset = $second) AS second_images,
    FROM experiments.members
    WHERE dataset IN ($first, $second)
    GROUP BY class, finding

    UNION ALL

    SELECT
        class,
        '' AS finding,
        count(DISTINCT image_id) FILTER (dataset = $first) AS first_images,
        count(DISTINCT image_id) FILTER (dataset = $second) AS second_images,
    FROM experiments.members
    WHERE dataset IN ($first, $second)
    GROUP BY class
)

SELECT
    class,
    finding,
    first_images,
    second_images,
    second_images - first_images AS difference,
FROM counts
ORDER BY class, finding;
