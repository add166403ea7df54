-- outside_images: one row per image that is none of the recorded dataset that a recipe draws from.
-- reads: images, experiments.members
-- params: $dataset = 'normal-vs-not-normal', $split = ''
-- Without a split any of the dataset's images may be drawn.
WITH inside AS (
    SELECT image_id
    FROM experiments.members
    WHERE
        dataset = $dataset
        AND (split = $split OR $split = '')
)

SELECT images.image_id
FROM images
ANTI JOIN inside USING (image_id);
