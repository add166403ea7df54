-- checks: one row per image whose file was tested: what the test found.
-- reads: current_files, known_checks, images
-- columns:
--   image_id  the image
--   path      its file, below the folder of images; NULL where none was found for it
--   bytes     size of the file when it was tested
--   modified  when it had been changed last: nanoseconds since 1970
--   verdict   ok, suspect (such as an image all of whose pixels are the same) or damaged
--   reason    what is wrong, in a word: missing, empty, truncated, crc, stream, length, …
--   detail    what is wrong, in a few words
--   offset    the byte of the file at which it shows, where that can be told
--   format    png, jpeg or dicom
--   width     pixels, as the file says
--   height    pixels
--   bits      bits of a sample
--   color     gray, gray+alpha, rgb, rgba or palette
--   sha256    SHA-256 of the file's bytes, NULL where they could not be read to the end
--   whole     whether every byte was tested, or only quickly (cxr check --quick)
-- The newest test of the file as it is now, and rather one of the whole file.
WITH fitting AS (
    SELECT
        known_checks.* EXCLUDE (fresh),
        row_number() OVER (
            PARTITION BY known_checks.image_id
            ORDER BY
                known_checks.whole DESC,
                known_checks.fresh DESC,
                known_checks.verdict,
                known_checks.reason,
                known_checks.detail
        ) AS place,
    FROM known_checks
    INNER JOIN current_files
        ON
            known_checks.image_id = current_files.image_id
            AND known_checks.path IS NOT DISTINCT FROM current_files.path
            AND known_checks.bytes IS NOT DISTINCT FROM current_files.bytes
            AND known_checks.modified IS NOT DISTINCT FROM current_files.modified
)

SELECT
    image_id,
    path,
    bytes,
    modified,
    verdict,
    reason,
    detail,
    "offset",
    format,
    width,
    height,
    bits,
    color,
    sha256,
    whole,
FROM fitting
SEMI JOIN images USING (image_id)
WHERE place = 1;
