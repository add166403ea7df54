-- conflicting_images: one row per image of the store that a label file describes otherwise.
-- reads: stored_images, known_records
WITH changed AS (
    SELECT image_id
    FROM known_records
    WHERE state = 'changed'
)

SELECT stored_images.*
FROM stored_images
SEMI JOIN changed ON stored_images.image_id = changed.image_id;
