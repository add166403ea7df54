-- recorded_members: one row per (class, finding, image) of a recorded dataset.
-- reads: experiments.members
-- params: $dataset = 'normal-vs-not-normal'
SELECT
    class,
    finding,
    image_id,
    patient_id,
    split,
FROM experiments.members
WHERE dataset = $dataset
ORDER BY class, finding, image_id;
