-- identical_across_splits: one row per group of images with identical files in several splits.
-- reads: audited, digests
-- An image that is itself in several splits is told by image_in_two_splits.
SELECT
    digests.digest,
    list_sort(list(DISTINCT audited.image_id)) AS images,
    list_sort(list(DISTINCT audited.split)) AS splits,
    CAST(count(DISTINCT audited.patient_id) AS BIGINT) AS patients,
FROM audited
INNER JOIN digests USING (image_id)
GROUP BY digests.digest
HAVING count(DISTINCT audited.split) > 1 AND count(DISTINCT audited.image_id) > 1
ORDER BY digests.digest;
