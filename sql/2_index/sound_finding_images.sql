-- sound_finding_images: one row per image of a finding whose file is not damaged.
-- reads: postings, damaged_images
-- params: $finding = 'nodule'
SELECT
    image_id,
    localizations,
FROM postings
ANTI JOIN damaged_images USING (image_id)
WHERE finding = $finding;
