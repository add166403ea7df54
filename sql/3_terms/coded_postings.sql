-- coded_postings: one row per (finding, image): a posting with the UMLS concepts of its terms.
-- reads: postings, label_cuis
-- columns:
--   finding            the finding (a)
--   finding_cuis       its concepts, NULL where it has none
--   image_id           an image that shows it (i)
--   localizations      where that finding lies in that image (R)
--   localization_cuis  a concept for each of these, in their order, NULL where it has none
--   known_by           sentence or image, as in postings
WITH places AS (
    SELECT map_from_entries(list({'key': label, 'value': cuis[1]})) AS cuis
    FROM label_cuis
    WHERE starts_with(label, 'loc ')
)

SELECT
    postings.finding,
    label_cuis.cuis AS finding_cuis,
    postings.image_id,
    postings.localizations,
    list_transform(postings.localizations, lambda place: places.cuis[place]) AS localization_cuis,
    postings.known_by,
FROM postings
LEFT JOIN label_cuis ON postings.finding = label_cuis.label
CROSS JOIN places;
