-- untested_files: one row per image whose file has to be tested, in the order of their places.
-- reads: current_files, known_checks
-- params: $quick = FALSE
-- A file that is as large as it was, and was not changed since, is as it was tested; one that is
-- still missing, too. One that was tested quickly is not tested whole.
WITH tested AS (
    SELECT
        image_id,
        path,
        bytes,
        modified,
    FROM known_checks
    WHERE whole OR $quick
)

SELECT
    current_files.image_id,
    current_files.path,
    current_files.bytes,
    current_files.modified,
FROM current_files
ANTI JOIN tested
    ON
        current_files.image_id = tested.image_id
        AND current_files.path IS NOT DISTINCT FROM tested.path
        AND current_files.bytes IS NOT DISTINCT FROM tested.bytes
        AND current_files.modified IS NOT DISTINCT FROM tested.modified
ORDER BY current_files.path, current_files.image_id;
