-- finding_images: one row per image of a finding, with its localizations.
-- reads: postings, damaged_images
-- params: $finding = 'nodule', $damaged = FALSE
-- Images with a damaged file are left out, unless they are asked for.
WITH left_out AS (
    SELECT image_id
    FROM damaged_images
    WHERE NOT $damaged
)

SELECT
    image_id,
    localizations,
FROM postings
ANTI JOIN left_out USING (image_id)
WHERE finding = $finding;
