-- condition_not_met: one row per image that doesn't meet the recipe's condition.
-- reads: audited, chosen_images
SELECT
    audited.image_id,
    list_sort(list(DISTINCT audited.split)) AS splits,
FROM audited
ANTI JOIN chosen_images USING (image_id)
WHERE audited.known
GROUP BY audited.image_id
ORDER BY audited.image_id;
