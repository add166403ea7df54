-- terms: one row per (hierarchy, term, parent): the edges of the hierarchies.
-- reads: edges
-- columns:
--   hierarchy  name of the hierarchy
--   term       a finding, a diagnosis, a localization, or a head over some of them
--   parent     a term above it, NULL for a root; a term may have several
--   cui        UMLS concept of the term
--   tree       finding, diagnosis or localization
--   position   place in the hierarchy's file, which orders the drawn tree
SELECT
    hierarchy,
    term,
    parent,
    cui,
    tree,
    position,
FROM edges
ORDER BY hierarchy, position;
