-- known_patients: one row per patient of a recorded dataset: whether the last split has them.
-- reads: experiments.members, twin_patients
-- params: $dataset = 'normal-vs-not-normal', $held_out = 'test'
-- Of patients who are dealt as one, some may have been held out and others trained on.
SELECT
    coalesce(twin_patients.dealt_as, members.patient_id) AS patient_id,
    bool_or(members.split = $held_out) AS held_out,
    bool_or(members.split <> $held_out) AS trained_on,
FROM experiments.members
LEFT JOIN twin_patients USING (patient_id)
WHERE members.dataset = $dataset
GROUP BY coalesce(twin_patients.dealt_as, members.patient_id);
