-- study_in_two_splits: one row per study whose images are in several splits.
-- reads: audited
-- In some repositories the number of a study is unique within its patient only.
SELECT
    patient_id,
    study_id,
    list_sort(list(DISTINCT split)) AS splits,
    CAST(count(DISTINCT image_id) AS BIGINT) AS images,
FROM audited
WHERE study_id IS NOT NULL
GROUP BY patient_id, study_id
HAVING count(DISTINCT split) > 1
ORDER BY patient_id, study_id;
