-- fingerprints: one row per image whose file was read for twins: what its bytes and pixels come to.
-- reads: fitting_rows
-- columns:
--   image_id         the image
--   path             its file, below the folder of images; NULL where none was found for it
--   bytes            size of the file when it was read
--   modified         when it had been changed last: nanoseconds since 1970
--   file_digest      XXH3 of the file's bytes, 128 bits; NULL where it has none, or can't be read
--   pixel_digest     XXH3 of the decoded pixels, as gray, with their shape and depth; NULL
--                    where they can't be decoded
--   perceptual_hash  1,024 bits that say how the image looks: those of two copies differ in few;
--                    NULL where all pixels are the same
SELECT
    image_id,
    path,
    bytes,
    modified,
    file_digest,
    pixel_digest,
    perceptual_hash,
FROM fitting_rows;
