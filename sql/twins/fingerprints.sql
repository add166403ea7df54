-- fingerprints: one row per image whose file was read for twins: what its bytes and pixels come to.
-- reads: current_files, known_fingerprints, images
-- columns:
--   image_id         the image
--   path             its file, below the folder of images; NULL where none was found for it
--   bytes            size of the file when it was read
--   modified         when it had been changed last: nanoseconds since 1970
--   file_digest      SHA-256 of the file's bytes; NULL where it has none, or can't be read
--   pixel_digest     SHA-256 of the decoded pixels, their numbers and depth; NULL where they can't
--                    be decoded
--   perceptual_hash  1,024 bits that say how the image looks: those of two copies differ in few;
--                    NULL where all pixels are the same
-- The newest reading of the file as it is now.
WITH fitting AS (
    SELECT
        known_fingerprints.* EXCLUDE (fresh),
        row_number() OVER (
            PARTITION BY known_fingerprints.image_id
            ORDER BY
                known_fingerprints.fresh DESC,
                known_fingerprints.file_digest,
                known_fingerprints.pixel_digest
        ) AS place,
    FROM known_fingerprints
    INNER JOIN current_files
        ON
            known_fingerprints.image_id = current_files.image_id
            AND known_fingerprints.path IS NOT DISTINCT FROM current_files.path
            AND known_fingerprints.bytes IS NOT DISTINCT FROM current_files.bytes
            AND known_fingerprints.modified IS NOT DISTINCT FROM current_files.modified
)

SELECT
    image_id,
    path,
    bytes,
    modified,
    file_digest,
    pixel_digest,
    perceptual_hash,
FROM fitting
SEMI JOIN images USING (image_id)
WHERE place = 1;
