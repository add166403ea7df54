-- extra_files: one row per image file that is no image's of the store.
-- reads: image_files, images, rejects, removed_images
-- columns:
--   image_id  name of the file
--   path      where it lies, below the folder of images
--   bytes     its size, as an image file
--   reason    removed: the image was taken out of the store; refused: a row of a label file names
--             it and was refused; unknown: no row that was indexed names it
-- A row that could not be told apart into fields names what any of them is.
WITH refused AS (
    SELECT DISTINCT
        unnest(
            CASE
                WHEN image_id IS NULL AND patient_id IS NULL
                    THEN string_split(replace(raw, '"', ''), ',')
                ELSE [image_id]
            END
        ) AS image_id,
    FROM rejects
),

removed AS (
    SELECT DISTINCT image_id
    FROM removed_images
),

extra AS (
    -- The file of an image may have a name with another ending.
    SELECT
        image_files.image_id,
        image_files.path,
        image_files.bytes,
    FROM image_files
    ANTI JOIN images ON image_files.image_id = images.image_id
    ANTI JOIN images AS located ON image_files.path = located.path
)

SELECT
    extra.image_id,
    extra.path,
    extra.bytes,
    CASE
        WHEN removed.image_id IS NOT NULL THEN 'removed'
        WHEN refused.image_id IS NOT NULL THEN 'refused'
        ELSE 'unknown'
    END AS reason,
FROM extra
LEFT JOIN removed ON extra.image_id = removed.image_id
LEFT JOIN refused ON extra.image_id = refused.image_id;
