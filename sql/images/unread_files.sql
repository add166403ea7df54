-- unread_files: one row per image whose file has to be read, in the order of their places.
-- reads: current_files, known_rows
-- params: $quick = FALSE
-- A file that is as large as it was, and was not changed since, is as it was read; one that is
-- still missing, too. One of which only parts were read is not known as a whole.
WITH settled AS (
    SELECT
        image_id,
        path,
        bytes,
        modified,
    FROM known_rows
    WHERE whole OR $quick
)

SELECT
    current_files.image_id,
    current_files.path,
    current_files.bytes,
    current_files.modified,
FROM current_files
ANTI JOIN settled
    ON
        current_files.image_id = settled.image_id
        AND current_files.path IS NOT DISTINCT FROM settled.path
        AND current_files.bytes IS NOT DISTINCT FROM settled.bytes
        AND current_files.modified IS NOT DISTINCT FROM settled.modified
ORDER BY current_files.path, current_files.image_id;
