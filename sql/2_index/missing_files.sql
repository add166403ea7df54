-- missing_files: one row per image whose file was looked for and not found.
-- reads: images, refused_files
-- columns:
--   image_id    the image
--   patient_id  its patient
--   study_id    its study
--   image_dir   folder or zip that holds it, by the label file
--   reason      what is known of it: its file was refused, or that zip can't be read; else NULL
WITH refusals AS (
    SELECT
        image_id,
        folder,
        min(concat(path, ': ', reason)) AS reason,
    FROM refused_files
    GROUP BY image_id, folder
),

names AS (
    SELECT
        image_id,
        min(reason) AS reason,
    FROM refusals
    WHERE image_id IS NOT NULL
    GROUP BY image_id
),

zips AS (
    SELECT
        folder,
        reason,
    FROM refusals
    WHERE image_id IS NULL
)

SELECT
    images.image_id,
    images.patient_id,
    images.study_id,
    images.image_dir,
    coalesce(names.reason, zips.reason) AS reason,
FROM images
LEFT JOIN names USING (image_id)
LEFT JOIN zips ON images.image_dir = zips.folder
WHERE NOT images.present;
