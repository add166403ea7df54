-- finding_cells: one row per (row, column) of a matrix that is 1: an image shows a finding.
-- reads: matrix_images, matrix_columns, images
WITH shown AS (
    SELECT
        matrix_images.place,
        unnest(images.findings) AS label,
    FROM matrix_images
    INNER JOIN images USING (image_id)
)

SELECT
    shown.place,
    matrix_columns.position,
FROM shown
INNER JOIN matrix_columns USING (label);
