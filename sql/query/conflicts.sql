-- conflicts: one row per image that a label file and the store describe in different ways.
-- reads: known_records, records, stored_images
WITH changed AS (
    SELECT
        row,
        image_id,
    FROM known_records
    WHERE state = 'changed'
),

stored AS (
    SELECT
        stored_images.image_id,
        to_json(stored_images) AS said,
    FROM stored_images
    SEMI JOIN changed USING (image_id)
),

given AS (
    SELECT
        records.image_id,
        records.row,
        to_json(records) AS said,
    FROM records
    SEMI JOIN changed USING (row)
)

SELECT
    given.image_id,
    given.row,
    list_filter(
        json_keys(stored.said),
        lambda field: field NOT IN ('source_row', 'path', 'present')
        AND json_extract_string(stored.said, concat('$.', field))
        IS DISTINCT FROM json_extract_string(given.said, concat('$.', field))
    ) AS differs_in,
FROM given
INNER JOIN stored USING (image_id)
ORDER BY given.image_id;
