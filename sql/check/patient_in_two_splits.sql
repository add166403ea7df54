-- patient_in_two_splits: one row per (dataset, patient) whose images are in several splits.
-- reads: audited
-- audited is every recorded dataset, or the one split that is audited.
SELECT
    dataset,
    patient_id,
    list_sort(list(DISTINCT split)) AS splits,
    CAST(count(DISTINCT image_id) AS BIGINT) AS images,
FROM audited
WHERE patient_id IS NOT NULL
GROUP BY dataset, patient_id
HAVING count(DISTINCT split) > 1
ORDER BY dataset, patient_id;
