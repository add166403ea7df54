-- given: one row per (image, split, class) of a split that comes from elsewhere.
-- reads: given_rows
-- columns:
--   image_id    name of the image's file: the last part of a path
--   split       the split, trimmed
--   class       the class, trimmed; NULL where none is said
--   patient_id  NULL: the patient is whom the store knows
--   times       rows that say it
-- A row without an image or a split says nothing of a split.
WITH trimmed AS (
    SELECT
        regexp_extract(replace(trim(image), '\', '/'), '[^/]*$') AS image_id,
        trim(split) AS split,
        nullif(trim(class), '') AS class,
    FROM given_rows
)

SELECT
    image_id,
    split,
    class,
    CAST(NULL AS VARCHAR) AS patient_id,
    count(*) AS times,
FROM trimmed
WHERE image_id <> '' AND split <> ''
GROUP BY image_id, split, class;
