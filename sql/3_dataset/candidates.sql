-- candidates: one row per (class, finding, image) of the cohort, before overlaps are dropped.
-- reads: class_findings, postings, cohort
SELECT
    class_findings.class,
    postings.finding,
    postings.image_id,
    postings.patient_id,
FROM postings
INNER JOIN class_findings USING (finding)
SEMI JOIN cohort USING (image_id);
