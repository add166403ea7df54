-- kept_rows: one row per row of a data file whose image stays, in the file's order.
-- reads: data_file, gone_images
SELECT data_file.*
FROM data_file
ANTI JOIN gone_images ON data_file.image_id = gone_images.image_id;
