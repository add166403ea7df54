-- matrix_images: one row per image of a recorded dataset that the store still has, in order.
-- reads: recorded_members, images, split_order
-- columns:
--   place       number of the row, from 0: by split, in the recipe's order, then by image
--   image_id    the image
--   patient_id  its patient
--   split       its split
--   path        its file, below the folder of images; NULL where there is none
WITH members AS (
    SELECT DISTINCT
        image_id,
        split,
    FROM recorded_members
)

SELECT
    row_number() OVER (ORDER BY split_order.position, members.split, members.image_id) - 1 AS place,
    members.image_id,
    images.patient_id,
    members.split,
    images.path,
FROM members
INNER JOIN images USING (image_id)
LEFT JOIN split_order USING (split)
ORDER BY place;
