-- image_rejects: one row per refused row of the label file that has an image's id as a field.
-- reads: rejects
-- params: $image_id = 'demo_0000007_01-001-009.png'
SELECT *
FROM rejects
WHERE
    image_id = $image_id
    OR (image_id IS NULL AND list_contains(string_split(replace(raw, '"', ''), ','), $image_id))
ORDER BY row;
