-- repeated_files: one row per image file whose name occurs more than once.
-- reads: image_files, images
-- columns:
--   image_id  name of the file
--   path      where it lies, below the folder of images
--   bytes     its size, as an image file
--   used      whether it is the image's file: one with bytes wins, then that in the folder named by
--             the label file, then a file of its own over one in a zip, then the first by its path
WITH names AS (
    SELECT image_id
    FROM image_files
    GROUP BY image_id
    HAVING count(*) > 1
)

SELECT
    image_files.image_id,
    image_files.path,
    image_files.bytes,
    images.path IS NOT NULL AS used,
FROM image_files
SEMI JOIN names USING (image_id)
LEFT JOIN images
    ON image_files.path = images.path;
