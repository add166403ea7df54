-- image_row: one row per image of an id: what the label file says of it.
-- reads: images
-- params: $image_id = 'demo_0000007_01-001-009.png'
SELECT *
FROM images
WHERE image_id = $image_id;
