-- class_cells: one row per (row, column) of a matrix that is 1: an image is in a class.
-- reads: matrix_images, matrix_columns, recorded_members
SELECT DISTINCT
    matrix_images.place,
    matrix_columns.position,
FROM recorded_members
INNER JOIN matrix_images USING (image_id, split)
INNER JOIN matrix_columns ON recorded_members.class = matrix_columns.label;
