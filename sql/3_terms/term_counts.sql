-- term_counts: one row per term of a hierarchy: distinct images at or below it.
-- reads: term_ancestors, terms, postings, images, damaged_images
-- params: $hierarchy = 'padchest', $damaged = FALSE
-- A hierarchy is no tree, so the counts of children don't add up to their parent's. Localizations
-- stand in the label file with 'loc ' before the term. Images with a damaged file are not counted,
-- unless they are asked for.
WITH left_out AS (
    SELECT image_id
    FROM damaged_images
    WHERE NOT $damaged
),

trees AS (
    SELECT DISTINCT
        term,
        tree,
    FROM terms
    WHERE hierarchy = $hierarchy
),

places AS (
    SELECT
        unnest(localizations) AS place,
        image_id,
    FROM images
),

shown AS (
    SELECT
        finding AS term,
        image_id,
        'finding' AS kind,
    FROM postings
    ANTI JOIN left_out USING (image_id)

    UNION ALL

    SELECT
        substr(place, 5) AS term,
        image_id,
        'localization' AS kind,
    FROM places
    ANTI JOIN left_out USING (image_id)
),

shown_terms AS (
    SELECT
        trees.term,
        shown.image_id,
    FROM shown
    INNER JOIN trees
        ON
            shown.term = trees.term
            AND (shown.kind = 'localization') = (trees.tree = 'localization')
)

SELECT
    term_ancestors.ancestor AS term,
    CAST(count(DISTINCT shown_terms.image_id) AS BIGINT) AS images,
FROM term_ancestors
LEFT JOIN shown_terms ON term_ancestors.descendant = shown_terms.term
WHERE term_ancestors.hierarchy = $hierarchy
GROUP BY term_ancestors.ancestor
ORDER BY term;
