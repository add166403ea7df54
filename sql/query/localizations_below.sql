-- localizations_below: one row per localization at or below a place of a hierarchy.
-- reads: term_ancestors, terms
-- params: $hierarchy = 'padchest', $places = ['lung field']
-- A term of that name in another tree of the hierarchy is no place.
SELECT DISTINCT concat('loc ', term_ancestors.descendant) AS localization
FROM term_ancestors
INNER JOIN terms
    ON
        term_ancestors.hierarchy = terms.hierarchy
        AND term_ancestors.descendant = terms.term
WHERE
    term_ancestors.hierarchy = $hierarchy
    AND list_contains($places, term_ancestors.ancestor)
    AND terms.tree = 'localization'
ORDER BY localization;
