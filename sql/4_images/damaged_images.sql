-- damaged_images: one row per image whose file was tested and found damaged.
-- reads: checks, images
-- columns:
--   image_id  the image
--   path      its file, below the folder of images
--   reason    what is wrong, in a word: missing, empty, truncated, crc, stream, length, …
--   detail    what is wrong, in a few words
--   offset    the byte of the file at which it shows, where that can be told
-- What was found in a file says nothing of another one that the image has since.
SELECT
    checks.image_id,
    checks.path,
    checks.reason,
    checks.detail,
    checks."offset",
FROM checks
INNER JOIN images ON checks.image_id = images.image_id AND checks.path = images.path
WHERE checks.verdict = 'damaged';
