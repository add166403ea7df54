-- conflicts: one row per image that a label file and the store describe in different ways.
-- reads: conflicting_records, conflicting_images
WITH stored AS (
    SELECT
        image_id,
        to_json(conflicting_images) AS said,
    FROM conflicting_images
),

given AS (
    SELECT
        image_id,
        row,
        to_json(conflicting_records) AS said,
    FROM conflicting_records
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
