-- files: one row per image of the label file that is on disk: where it is.
-- reads: records, listing
-- columns:
--   image_id  name of the image's file
--   path      where it lies, below the folder of images
-- PadChest is kept by ImageDir, below images/, flat, or in zips. Where a name occurs twice a file
-- with bytes wins, then that in the folder named by the label file, then a file of its own over one
-- in a zip.
WITH places AS (
    SELECT
        records.image_id,
        listing.path,
        row_number() OVER (
            PARTITION BY records.image_id
            ORDER BY
                CASE WHEN listing.bytes = 0 THEN 1 ELSE 0 END,
                CASE WHEN listing.folder = records.image_dir THEN 0 ELSE 1 END,
                CASE WHEN listing.zip IS NULL THEN 0 ELSE 1 END,
                listing.path
        ) AS place,
    FROM records
    INNER JOIN listing ON records.image_id = listing.image_id
)

SELECT
    image_id,
    path,
FROM places
WHERE place = 1;
