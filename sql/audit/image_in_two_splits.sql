-- image_in_two_splits: one row per image that is in several splits.
-- reads: audited
SELECT
    image_id,
    list_sort(list(DISTINCT split)) AS splits,
FROM audited
GROUP BY image_id
HAVING count(DISTINCT split) > 1
ORDER BY image_id;
