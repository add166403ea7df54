-- unreached_labels: one row per label that no hierarchy has and no class of a recipe names.
-- reads: postings, terms, own_terms, class_findings
-- own_terms are those of a hierarchy that the store may not have yet.
WITH known AS (
    SELECT term AS finding
    FROM terms

    UNION

    SELECT term AS finding
    FROM own_terms
)

SELECT
    postings.finding,
    CAST(count(*) AS BIGINT) AS images,
FROM postings
ANTI JOIN known USING (finding)
ANTI JOIN class_findings USING (finding)
GROUP BY postings.finding
ORDER BY images DESC, postings.finding;
