-- unread_files: one row per image whose file has to be read, in the order of their places.
-- reads: current_files, settled_rows
-- A file that is as large as it was, and was not changed since, is as it was read; one that is
-- still missing, too.

SELECT
    current_files.image_id,
    current_files.path,
    current_files.bytes,
    current_files.modified,
FROM current_files
ANTI JOIN settled_rows
    ON
        current_files.image_id = settled_rows.image_id
        AND current_files.path IS NOT DISTINCT FROM settled_rows.path
        AND current_files.bytes IS NOT DISTINCT FROM settled_rows.bytes
        AND current_files.modified IS NOT DISTINCT FROM settled_rows.modified
ORDER BY current_files.path, current_files.image_id;
