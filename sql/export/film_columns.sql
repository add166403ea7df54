-- film_columns: one row per image of a recorded dataset, with all that the label file says of it.
-- reads: recorded_members, images
SELECT images.*,
FROM images
SEMI JOIN recorded_members USING (image_id)
ORDER BY images.image_id;
