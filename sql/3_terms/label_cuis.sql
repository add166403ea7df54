-- label_cuis: one row per label that has a UMLS concept.
-- reads: terms
-- params: $hierarchy = 'padchest'
-- columns:
--   label  a finding, or a localization with 'loc ' before it, as images and postings have it
--   cuis   its concepts, in order; adenopathy has two
SELECT
    CASE WHEN tree = 'localization' THEN concat('loc ', term) ELSE term END AS label,
    list_sort(list_distinct(list(cui))) AS cuis,
FROM terms
WHERE hierarchy = $hierarchy AND cui IS NOT NULL
GROUP BY ALL
ORDER BY label;
