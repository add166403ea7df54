-- refused_files: one row per image file or archive below the folder of images that is not used.
-- reads: refused_listing
-- columns:
--   image_id  name of the file, NULL for an archive: a zip that can't be read, or of another kind
--   folder    the folder that holds it, or that the archive stands for
--   path      where it lies, below the folder of images
--   reason    why it is refused
SELECT
    image_id,
    folder,
    path,
    reason,
FROM refused_listing;
