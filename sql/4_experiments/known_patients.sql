-- known_patients: one row per patient of a recorded dataset: whether the last split has them.
-- reads: experiments.members
-- params: $dataset = 'normal-vs-not-normal', $held_out = 'test'
SELECT
    patient_id,
    bool_or(split = $held_out) AS held_out,
FROM experiments.members
WHERE dataset = $dataset
GROUP BY patient_id;
