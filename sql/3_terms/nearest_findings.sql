-- nearest_findings: one row per finding of the index that is spelt like a word, nearest first.
-- reads: indexed_findings
-- params: $word = 'noduel'
WITH findings AS (
    SELECT finding AS term
    FROM indexed_findings
)

SELECT term
FROM findings
WHERE
    contains(lower(term), lower($word))
    OR jaro_winkler_similarity(lower(term), lower($word)) >= 0.8
ORDER BY
    lower(term) = lower($word) DESC,
    jaro_winkler_similarity(lower(term), lower($word)) DESC,
    term
LIMIT 5;
