-- cxr_images: one row per image that is asked for: its file, its pixels, its findings.
-- reads: asked_images, images, postings
-- A finding's localizations stand at its place in the second list.
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
ORDER BY images.image_id;
