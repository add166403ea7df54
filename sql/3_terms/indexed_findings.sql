-- indexed_findings: one row per finding of the index.
-- reads: postings
SELECT DISTINCT finding
FROM postings;
