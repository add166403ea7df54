-- cxr_images: one row per image that is asked for: its file, its pixels, its findings.
-- reads: asked_images, images, postings, checks
-- A finding's localizations stand at its place in the second list. Where the file was tested, bits
-- are those of its samples; bits_stored are those of a pixel that are used, by the label file.
WITH shown AS (
    SELECT
        image_id,
        array_agg(finding ORDER BY finding) AS findings,
        array_agg(localizations ORDER BY finding) AS localizations,
    FROM postings
    SEMI JOIN asked_images USING (image_id)
    GROUP BY image_id
)

SELECT
    images.image_id,
    images.path,
    images.width,
    images.height,
    coalesce(checks.bits, images.bits_stored) AS bits,
    images.bits_stored,
    images.projection,
    images.patient_id,
    images.study_id,
    images.photometric_interpretation,
    images.window_center,
    images.window_width,
    shown.findings,
    shown.localizations,
FROM images
SEMI JOIN asked_images USING (image_id)
LEFT JOIN shown USING (image_id)
LEFT JOIN checks ON images.image_id = checks.image_id AND images.path = checks.path
ORDER BY images.image_id;
