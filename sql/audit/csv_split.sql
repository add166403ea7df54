-- csv_split: one row per (image, split, class) of a split that comes from elsewhere.
-- reads: csv_rows
-- columns:
--   image_id    name of the image's file: the last part of a path
--   split       the split, trimmed
--   class       the class, trimmed; NULL where none is said
--   patient_id  NULL: the patient is whom the store knows
--   times       rows that say it
--   variants    rows that say it of a variant of the image, as an augmented export has them
-- A row without an image or a split says nothing of a split.
WITH trimmed AS (
    SELECT
        regexp_extract(
            replace(trim(coalesce(nullif(parent, ''), image)), '\', '/'), '[^/]*$'
        ) AS image_id,
        coalesce(parent, '') <> '' AS is_variant,
        trim(split) AS split,
        nullif(trim(class), '') AS class,
    FROM csv_rows
)

SELECT
    image_id,
    split,
    class,
    CAST(NULL AS VARCHAR) AS patient_id,
    count(*) FILTER (NOT is_variant) AS times,
    count(*) FILTER (is_variant) AS variants,
FROM trimmed
WHERE image_id <> '' AND split <> ''
GROUP BY image_id, split, class;
