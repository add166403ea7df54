-- unseen_images: one row per image of a recipe's classes of which no twin was looked for.
-- reads: candidates, images, fingerprints
-- What was read of a file says nothing of another one that the image has since.
WITH seen AS (
    SELECT images.image_id
    FROM images
    INNER JOIN fingerprints
        ON images.image_id = fingerprints.image_id AND images.path = fingerprints.path
)

SELECT DISTINCT candidates.image_id
FROM candidates
ANTI JOIN seen USING (image_id);
