-- manifest_films: one row per (split, image) of a manifest, with all classes of the image.
-- reads: manifest, recorded_members
-- columns:
--   class           the classes of the image, between them |
--   class_findings  the findings that make it one of them, between them |
-- All other columns are those of the manifest.
WITH films AS (
    SELECT
        split,
        image_id,
        string_agg(DISTINCT class, '|' ORDER BY class) AS classes,
        string_agg(DISTINCT finding, '|' ORDER BY finding) AS class_findings,
    FROM recorded_members
    GROUP BY split, image_id
)

SELECT DISTINCT
    manifest.* REPLACE (films.classes AS class, films.class_findings AS class_findings),
FROM manifest
INNER JOIN films USING (split, image_id)
ORDER BY manifest.split, manifest.image_id;
