-- term_ancestors: one row per (hierarchy, ancestor, descendant), every term its own ancestor at 0.
-- reads: terms
-- params: $max_depth = 64
-- columns:
--   hierarchy   name of the hierarchy
--   ancestor    a term
--   descendant  that term, or one below it
--   distance    edges on the shortest way between them
-- The depth is bounded so that a cycle, refused before it comes here, could not run for ever.
WITH RECURSIVE steps AS (
    SELECT DISTINCT
        hierarchy,
        term AS ancestor,
        term AS descendant,
        0 AS distance,
    FROM terms

    UNION ALL

    SELECT DISTINCT
        steps.hierarchy,
        steps.ancestor,
        terms.term AS descendant,
        steps.distance + 1 AS distance,
    FROM steps
    INNER JOIN terms
        ON steps.hierarchy = terms.hierarchy AND steps.descendant = terms.parent
    WHERE steps.distance < $max_depth
)

SELECT
    hierarchy,
    ancestor,
    descendant,
    min(distance) AS distance,
FROM steps
GROUP BY hierarchy, ancestor, descendant
ORDER BY hierarchy, ancestor, distance, descendant;
