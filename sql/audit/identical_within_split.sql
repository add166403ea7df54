-- identical_within_split: one row per group of several patients' identical files in one split.
-- reads: audited, digests
SELECT
    digests.digest,
    min(audited.split) AS split,
    list_sort(list(DISTINCT audited.image_id)) AS images,
    CAST(count(DISTINCT audited.patient_id) AS BIGINT) AS patients,
FROM audited
INNER JOIN digests USING (image_id)
GROUP BY digests.digest
HAVING count(DISTINCT audited.split) = 1 AND count(DISTINCT audited.patient_id) > 1
ORDER BY digests.digest;
