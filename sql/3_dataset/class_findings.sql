-- class_findings: one row per (class, finding): the findings at or below each class's term.
-- reads: class_terms, term_ancestors, postings
-- params: $hierarchy = 'padchest'
-- A branch of the hierarchy may be a label of its own (surgery, fracture): not only leaves count.
WITH indexed AS (
    SELECT DISTINCT finding
    FROM postings
)

SELECT DISTINCT
    class_terms.class,
    indexed.finding,
FROM class_terms
INNER JOIN term_ancestors
    ON class_terms.term = term_ancestors.ancestor AND term_ancestors.hierarchy = $hierarchy
INNER JOIN indexed ON term_ancestors.descendant = indexed.finding
ORDER BY class_terms.class, indexed.finding;
