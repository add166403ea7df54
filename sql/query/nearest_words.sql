-- nearest_words: one row per word of a list that is spelt like another, nearest first.
-- params: $word = 'agee', $words = ['age', 'sex']
WITH known AS (
    SELECT DISTINCT unnest($words) AS term
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
