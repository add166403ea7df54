-- finding_postings: one row per posting of a finding.
-- reads: coded_postings, images, damaged_images
-- params: $finding = 'nodule'
WITH found AS (
    SELECT
        image_id,
        localizations,
        known_by,
        finding_cuis,
        localization_cuis,
    FROM coded_postings
    WHERE finding = $finding
)

SELECT
    found.image_id,
    images.patient_id,
    images.study_id,
    found.localizations,
    found.known_by,
    found.finding_cuis,
    found.localization_cuis,
FROM found
INNER JOIN images USING (image_id)
ANTI JOIN damaged_images USING (image_id)
ORDER BY found.image_id;
