-- below: one row per term at or below a term of a hierarchy, such as below('nodular', 'paper').
-- reads: term_ancestors, terms
-- columns:
--   term      that term, or one below it
--   distance  edges on the shortest way between them
CREATE OR REPLACE MACRO below(term, hierarchy := 'padchest') AS TABLE
WITH known AS (
    SELECT 1 AS one
    FROM term_ancestors
    WHERE term_ancestors.hierarchy = hierarchy AND term_ancestors.ancestor = term
    LIMIT 1
),

hierarchies AS (
    SELECT
        string_agg(DISTINCT terms.hierarchy, ', ' ORDER BY terms.hierarchy) AS words,
        coalesce(bool_or(terms.hierarchy = hierarchy), FALSE) AS known,
    FROM terms
),

nearest AS (
    SELECT string_agg(DISTINCT terms.term, ', ' ORDER BY terms.term) AS words
    FROM terms
    WHERE
        terms.hierarchy = hierarchy
        AND jaro_winkler_similarity(lower(terms.term), lower(term)) >= 0.9
),

asked AS (
    SELECT
        CASE
            WHEN EXISTS (FROM known) THEN term
            WHEN NOT (SELECT hierarchies.known FROM hierarchies)
                THEN error(
                    concat(
                        'there is no hierarchy ''', hierarchy, ''': take one of ',
                        (SELECT hierarchies.words FROM hierarchies)
                    )
                )
            ELSE error(
                concat(
                    'the hierarchy ', hierarchy, ' has no term ''', term, ''': ',
                    coalesce(
                        'did you mean ' || (SELECT nearest.words FROM nearest) || '?',
                        'FROM terms shows all'
                    )
                )
            )
        END AS word,
)

SELECT
    term_ancestors.descendant AS term,
    term_ancestors.distance,
FROM term_ancestors
INNER JOIN asked ON term_ancestors.ancestor = asked.word
WHERE term_ancestors.hierarchy = hierarchy;
