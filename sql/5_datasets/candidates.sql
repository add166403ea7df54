-- candidates: one row per (class, finding, image) of the cohort, before overlaps are resolved.
-- reads: class_images, class_findings, postings, cohort
-- The findings are those of the class's term, or those that its query names. An image of a class
-- that shows none of them, as in the query age > 60, has none of that class as its finding.
WITH chosen AS (
    SELECT
        class_images.class,
        class_images.image_id,
        cohort.patient_id,
        cohort.unit_id,
    FROM class_images
    INNER JOIN cohort USING (image_id)
),

shown AS (
    SELECT
        chosen.class,
        postings.finding,
        chosen.image_id,
        chosen.patient_id,
        chosen.unit_id,
    FROM postings
    INNER JOIN class_findings USING (finding)
    INNER JOIN chosen
        ON postings.image_id = chosen.image_id AND class_findings.class = chosen.class
)

SELECT
    class,
    finding,
    image_id,
    patient_id,
    unit_id,
FROM shown

UNION ALL

SELECT
    chosen.class,
    concat('none of ', chosen.class) AS finding,
    chosen.image_id,
    chosen.patient_id,
    chosen.unit_id,
FROM chosen
ANTI JOIN shown USING (class, image_id);
