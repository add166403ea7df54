-- composition: one row per (class, finding, split): images; finding '' is the class as a whole.
-- reads: dataset_members
SELECT
    class,
    finding,
    split,
    CAST(count(*) AS BIGINT) AS images,
FROM dataset_members
GROUP BY class, finding, split

UNION ALL

SELECT
    class,
    '' AS finding,
    split,
    CAST(count(DISTINCT image_id) AS BIGINT) AS images,
FROM dataset_members
GROUP BY class, split
ORDER BY class, finding, split;
