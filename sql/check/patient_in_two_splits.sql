-- patient_in_two_splits: one row per (dataset, patient) whose images are in several splits.
-- reads: experiments.members
SELECT
    dataset,
    patient_id,
    count(DISTINCT split) AS splits,
FROM experiments.members
GROUP BY dataset, patient_id
HAVING count(DISTINCT split) > 1;
