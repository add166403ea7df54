-- silent_members: one row per (class, labels) of images that no label tells anything of.
-- reads: dataset_members, images, postings
-- An image without a label, or labelled exclude, unchanged or suboptimal study alone, is no example
-- of a finding's absence: nobody said that it isn't there.
WITH telling AS (
    SELECT DISTINCT image_id
    FROM postings
    WHERE finding NOT IN ('exclude', 'unchanged', 'suboptimal study')
)

SELECT
    dataset_members.class,
    array_to_string(list_sort(images.findings), ' and ') AS labels,
    CAST(count(*) AS BIGINT) AS images,
FROM dataset_members
INNER JOIN images USING (image_id)
ANTI JOIN telling USING (image_id)
WHERE dataset_members.finding = concat('none of ', dataset_members.class)
GROUP BY ALL
ORDER BY dataset_members.class, images DESC, labels;
