-- fitting_rows: one row per image: the newest reading of its file as it is now.
-- reads: current_files, known_rows, images
-- Rather one of the whole file than a newer one of parts. A file that was read twice in a run gave
-- the same both times.
WITH fitting AS (
    SELECT
        known_rows.*,
        row_number() OVER (
            PARTITION BY known_rows.image_id
            ORDER BY known_rows.whole DESC, known_rows.fresh DESC
        ) AS place,
    FROM known_rows
    INNER JOIN current_files
        ON
            known_rows.image_id = current_files.image_id
            AND known_rows.path IS NOT DISTINCT FROM current_files.path
            AND known_rows.bytes IS NOT DISTINCT FROM current_files.bytes
            AND known_rows.modified IS NOT DISTINCT FROM current_files.modified
)

SELECT * EXCLUDE (place, fresh)
FROM fitting
SEMI JOIN images ON fitting.image_id = images.image_id
WHERE place = 1;
