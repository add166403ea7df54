-- posting_missing: one row per (finding, image) of images that the index lacks.
-- reads: images, postings, publications
-- An index of pure terms holds images with exactly one finding only.
WITH latest AS (
    SELECT pure_terms
    FROM publications
    ORDER BY publication DESC
    LIMIT 1
),

said AS (
    SELECT
        unnest(images.findings) AS finding,
        images.image_id,
    FROM images
    CROSS JOIN latest
    WHERE NOT latest.pure_terms OR array_length(images.findings) = 1
)

SELECT
    said.finding,
    said.image_id,
FROM said
ANTI JOIN postings USING (finding, image_id);
