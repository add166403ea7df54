-- finding_counts: one row per finding of the index: images, patients and studies that show it.
-- reads: postings
SELECT
    finding,
    CAST(count(*) AS BIGINT) AS images,
    CAST(count(DISTINCT patient_id) AS BIGINT) AS patients,
    CAST(count(DISTINCT study_id) AS BIGINT) AS studies,
FROM postings
GROUP BY finding
ORDER BY images DESC, finding;
