-- kept_files: one row per row of a file of image_files or refused_files whose image doesn't go.
-- reads: data_file, images, gone_images, gone_rejects
-- A refused row that goes takes the file of its image along, unless another row has that image.
WITH gone AS (
    SELECT gone_images.image_id
    FROM gone_images

    UNION

    SELECT gone_rejects.image_id
    FROM gone_rejects
    ANTI JOIN images USING (image_id)
)

SELECT data_file.*
FROM data_file
ANTI JOIN gone ON data_file.image_id = gone.image_id;
