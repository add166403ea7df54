-- known_records: one row per record whose image the store has, or had and removed.
-- reads: records, refusals, stored_images, removed_images, files
-- params: $images_given = FALSE
-- columns:
--   row       number of the record in the label file
--   image_id  the image
--   state     same, changed (the label file says otherwise), moved (only its file lies elsewhere
--             than the store says), or removed (the image, or all there was of its patient)
--   path      where the store says that its file lies
--   present   whether the store says that it is there
WITH readable AS (
    SELECT records.*
    FROM records
    ANTI JOIN refusals ON records.row = refusals.row
),

overlapping AS (
    SELECT stored_images.*
    FROM stored_images
    SEMI JOIN readable ON stored_images.image_id = readable.image_id
),

contents AS (
    SELECT readable.* EXCLUDE (row, source_row, sentences_plain, problems)
    FROM readable
    SEMI JOIN overlapping ON readable.image_id = overlapping.image_id

    EXCEPT

    SELECT overlapping.* EXCLUDE (source_row, path, present)
    FROM overlapping
),

absent AS (
    SELECT
        readable.row,
        readable.image_id,
        readable.patient_id,
    FROM readable
    ANTI JOIN overlapping USING (image_id)
),

removed AS (
    SELECT absent.row
    FROM absent
    SEMI JOIN removed_images USING (image_id)

    UNION

    SELECT absent.row
    FROM absent
    SEMI JOIN removed_images USING (patient_id)
)

SELECT
    readable.row,
    readable.image_id,
    CASE
        WHEN contents.image_id IS NOT NULL THEN 'changed'
        WHEN
            $images_given
            AND (
                overlapping.path IS DISTINCT FROM files.path
                OR overlapping.present IS DISTINCT FROM (files.path IS NOT NULL)
            )
            THEN 'moved'
        ELSE 'same'
    END AS state,
    overlapping.path,
    overlapping.present,
FROM readable
INNER JOIN overlapping USING (image_id)
LEFT JOIN contents USING (image_id)
LEFT JOIN files USING (image_id)

UNION ALL

SELECT
    absent.row,
    absent.image_id,
    'removed' AS state,
    NULL AS path,
    NULL AS present,
FROM absent
SEMI JOIN removed USING (row);
