-- image_files: one row per image file that was found below the folder of images.
-- reads: listing
-- columns:
--   image_id  name of the file
--   folder    the folder that holds it; a zip is one, named without its suffix
--   zip       the zip that holds it, below the folder of images; NULL for a file of its own
--   path      where it lies, below the folder of images: 0.zip/1.png is a member of 0.zip
--   bytes     its size, as an image file
--   modified  when it was changed, or the zip that holds it, in nanoseconds since 1970
-- A zip can be written anew from another copy with other bytes of a member and all that it says of
-- the member as before: so its members count as changed when it was.
SELECT
    image_id,
    folder,
    zip,
    path,
    bytes,
    modified,
FROM listing;
