-- finding_images: one row per image of a finding, with its localizations.
-- reads: postings
-- params: $finding = 'nodule'
SELECT
    image_id,
    localizations,
FROM postings
WHERE finding = $finding;
