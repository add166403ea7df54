-- finding_postings: one row per posting of a finding.
-- reads: postings
-- params: $finding = 'nodule'
SELECT
    image_id,
    patient_id,
    study_id,
    localizations,
FROM postings
WHERE finding = $finding
ORDER BY image_id;
