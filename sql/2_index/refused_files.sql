-- refused_files: one row per image file or zip below the folder of images that is never opened.
-- reads: refused_listing
-- columns:
--   image_id  name of the file, NULL for a zip that can't be read
--   folder    the folder that holds it, or that the zip stands for
--   path      where it lies, below the folder of images
--   reason    why it is refused
SELECT
    image_id,
    folder,
    path,
    reason,
FROM refused_listing;
