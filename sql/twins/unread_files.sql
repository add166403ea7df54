-- unread_files: one row per image whose file has to be read, in the order of their places.
-- reads: current_files, known_fingerprints
-- A file that is as large as it was, and was not changed since, is as it was read.
SELECT
    current_files.image_id,
    current_files.path,
    current_files.bytes,
    current_files.modified,
FROM current_files
ANTI JOIN known_fingerprints
    ON
        current_files.image_id = known_fingerprints.image_id
        AND current_files.path IS NOT DISTINCT FROM known_fingerprints.path
        AND current_files.bytes IS NOT DISTINCT FROM known_fingerprints.bytes
        AND current_files.modified IS NOT DISTINCT FROM known_fingerprints.modified
ORDER BY current_files.path, current_files.image_id;
