-- class_findings: one row per (class, finding): the findings at or below each class's term.
-- reads: class_terms, term_ancestors, postings
-- params: $hierarchy = 'padchest'
-- A branch of the hierarchy may be a label of its own (surgery, fracture): not only leaves count.
-- A finding that the hierarchy lacks stands for itself.
WITH indexed AS (
    SELECT DISTINCT finding
    FROM postings
),

covered AS (
    SELECT
        class_terms.class,
        term_ancestors.descendant AS finding,
    FROM class_terms
    INNER JOIN term_ancestors
        ON class_terms.term = term_ancestors.ancestor AND term_ancestors.hierarchy = $hierarchy

    UNION ALL

    SELECT
        class,
        term AS finding,
    FROM class_terms
)

SELECT DISTINCT
    covered.class,
    indexed.finding,
FROM covered
INNER JOIN indexed USING (finding)
ORDER BY covered.class, indexed.finding;
