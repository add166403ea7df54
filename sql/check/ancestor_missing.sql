-- ancestor_missing: one row per term or edge that term_ancestors lacks.
-- reads: terms, term_ancestors
WITH needed AS (
    SELECT DISTINCT
        hierarchy,
        term AS ancestor,
        term AS descendant,
        0 AS distance,
    FROM terms

    UNION ALL

    SELECT
        hierarchy,
        parent AS ancestor,
        term AS descendant,
        1 AS distance,
    FROM terms
    WHERE parent IS NOT NULL
)

SELECT
    needed.hierarchy,
    needed.ancestor,
    needed.descendant,
    needed.distance,
FROM needed
ANTI JOIN term_ancestors USING (hierarchy, ancestor, descendant, distance);
