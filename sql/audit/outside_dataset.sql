-- outside_dataset: one row per image that is none of the dataset that the recipe draws from.
-- reads: audited, outside_images
SELECT
    audited.image_id,
    list_sort(list(DISTINCT audited.split)) AS splits,
FROM audited
SEMI JOIN outside_images USING (image_id)
GROUP BY audited.image_id
ORDER BY audited.image_id;
