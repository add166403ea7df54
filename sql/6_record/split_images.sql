-- split_images: one row per split of a recorded dataset, with its images in the order of their ids.
-- reads: recorded_members
SELECT
    split,
    list_sort(list(DISTINCT image_id)) AS image_ids,
FROM recorded_members
GROUP BY split
ORDER BY split;
