-- images_without_pixels: one row per image whose pixels could not be decoded for twins.
-- reads: fingerprints, damaged_images
-- Of a file that is known to be damaged nothing else is expected.
SELECT
    fingerprints.image_id,
    fingerprints.path,
    damaged_images.image_id IS NOT NULL AS damaged,
FROM fingerprints
LEFT JOIN damaged_images
    ON
        fingerprints.image_id = damaged_images.image_id
        AND fingerprints.path = damaged_images.path
WHERE fingerprints.pixel_digest IS NULL
ORDER BY fingerprints.image_id;
