-- files: one row per image of the label file that is on disk: where it is.
-- reads: records, listing
-- columns:
--   image_id      the image, which is the name of its file in the label file
--   path          where it lies, below the folder of images
--   other_ending  whether the file's name ends otherwise: in .jpg, in .PNG, or not at all
-- PadChest is kept by ImageDir, below images/, flat, or in zips. Where a name occurs twice a file
-- with bytes wins, then that in the folder named by the label file, then a file of its own over one
-- in a zip. Films that were shrunk are .jpg where the label file says .png: a file whose name is no
-- image's is that of the image without a file whose name is the same up to its ending, if there is
-- one of each.
WITH wanting AS (
    SELECT
        image_id,
        image_dir,
        regexp_replace(
            image_id,
            '[.]([pP][nN][gG]|[jJ][pP][eE]?[gG]|[dD][cC][mM]|[dD][iI][cC][oO][mM])$',
            '',
            'g'
        ) AS stem,
    FROM records
    ANTI JOIN listing USING (image_id)
),

spare AS (
    SELECT
        image_id,
        folder,
        zip,
        path,
        bytes,
        regexp_replace(
            image_id,
            '[.]([pP][nN][gG]|[jJ][pP][eE]?[gG]|[dD][cC][mM]|[dD][iI][cC][oO][mM])$',
            '',
            'g'
        ) AS stem,
    FROM listing
    ANTI JOIN records USING (image_id)
),

wanting_stems AS (
    SELECT stem
    FROM wanting
    GROUP BY stem
    HAVING min(image_id) = max(image_id)
),

spare_stems AS (
    SELECT stem
    FROM spare
    GROUP BY stem
    HAVING min(image_id) = max(image_id)
),

candidates AS (
    SELECT
        records.image_id,
        records.image_dir,
        listing.folder,
        listing.zip,
        listing.path,
        listing.bytes,
        FALSE AS other_ending,
    FROM records
    INNER JOIN listing ON records.image_id = listing.image_id

    UNION ALL

    SELECT
        wanting.image_id,
        wanting.image_dir,
        spare.folder,
        spare.zip,
        spare.path,
        spare.bytes,
        TRUE AS other_ending,
    FROM wanting
    INNER JOIN spare ON wanting.stem = spare.stem
    INNER JOIN wanting_stems ON wanting.stem = wanting_stems.stem
    INNER JOIN spare_stems ON wanting.stem = spare_stems.stem
),

places AS (
    SELECT
        image_id,
        path,
        other_ending,
        row_number() OVER (
            PARTITION BY image_id
            ORDER BY
                CASE WHEN bytes = 0 THEN 1 ELSE 0 END,
                CASE WHEN folder = image_dir THEN 0 ELSE 1 END,
                CASE WHEN zip IS NULL THEN 0 ELSE 1 END,
                path
        ) AS place,
    FROM candidates
)

SELECT
    image_id,
    path,
    other_ending,
FROM places
WHERE place = 1;
