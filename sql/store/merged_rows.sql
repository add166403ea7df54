-- merged_rows: one row per row of several data files.
-- reads: data_file
SELECT data_file.*
FROM data_file;
