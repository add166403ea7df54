-- nearest_terms: one row per term of a hierarchy that is spelt like a word, nearest first.
-- reads: terms
-- params: $word = 'noduel', $hierarchy = 'padchest'
WITH known AS (
    SELECT DISTINCT term
    FROM terms
    WHERE hierarchy = $hierarchy
)

SELECT term
FROM known
WHERE
    contains(lower(term), lower($word))
    OR jaro_winkler_similarity(lower(term), lower($word)) >= 0.8
ORDER BY
    lower(term) = lower($word) DESC,
    jaro_winkler_similarity(lower(term), lower($word)) DESC,
    term
LIMIT 5;
