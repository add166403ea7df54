-- image_labels: one row per label of an image as it stands in the label file, in its order.
-- reads: images
-- params: $image_id = 'demo_0000007_01-001-009.png'
-- columns:
--   label    the label with its blanks
--   dropped  why it is none of the image's findings, NULL where it is one
-- images.findings says what the clean-up kept; the rules here say why it dropped the others.
WITH texts AS (
    SELECT
        findings,
        regexp_extract_all(labels_text, '''[^'']*''|"[^"]*"', 0) AS labels,
    FROM images
    WHERE image_id = $image_id
),

quoted_labels AS (
    SELECT
        findings,
        generate_subscripts(labels, 1) AS place,
        unnest(labels) AS label,
    FROM texts
),

labels AS (
    SELECT
        findings,
        place,
        substr(label, 2, length(label) - 2) AS label,
        trim(substr(label, 2, length(label) - 2)) AS finding,
    FROM quoted_labels
)

SELECT
    label,
    CASE
        WHEN finding = '' THEN 'it is empty'
        WHEN row_number() OVER (PARTITION BY finding ORDER BY place) > 1
            THEN 'it repeats a label'
        WHEN list_contains(findings, finding) THEN NULL
        WHEN finding = 'exclude' THEN 'exclude gives way to any other label'
        WHEN finding = 'normal' THEN 'normal gives way to any finding'
        ELSE 'unknown'
    END AS dropped,
FROM labels
ORDER BY place;
