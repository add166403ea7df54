-- recorded_split: one row per (image, split, class) of a recorded dataset, as `csv_split` has them.
-- reads: experiments.members
-- params: $dataset = 'normal-vs-not-normal'
SELECT
    image_id,
    split,
    class,
    min(patient_id) AS patient_id,
    CAST(1 AS BIGINT) AS times,
FROM experiments.members
WHERE dataset = $dataset
GROUP BY image_id, split, class;
