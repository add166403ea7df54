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
WITH alone AS (
    SELECT
        image_id,
        TRUE AS has_no_file,
    FROM records
    ANTI JOIN listing USING (image_id)

    UNION

    SELECT
        image_id,
        FALSE AS has_no_file,
    FROM listing
    ANTI JOIN records USING (image_id)
),

stems AS (
    SELECT
        image_id,
        has_no_file,
        regexp_replace(
            image_id,
            '[.]([pP][nN][gG]|[jJ][pP][eE]?[gG]|[dD][cC][mM]|[dD][iI][cC][oO][mM])$',
            '',
            'g'
        ) AS stem,
    FROM alone
),

renamed AS (
    SELECT
        min(image_id) FILTER (WHERE has_no_file) AS image_id,
        min(image_id) FILTER (WHERE NOT has_no_file) AS file_name,
    FROM stems
    GROUP BY stem
    HAVING
        count(*) FILTER (WHERE has_no_file) = 1
        AND count(*) FILTER (WHERE NOT has_no_file) = 1
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
        records.image_id,
        records.image_dir,
        listing.folder,
        listing.zip,
        listing.path,
        listing.bytes,
        TRUE AS other_ending,
    FROM renamed
    INNER JOIN records ON renamed.image_id = records.image_id
    INNER JOIN listing ON renamed.file_name = listing.image_id
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
