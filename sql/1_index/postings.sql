-- postings: one row per (finding, image): the inverted index, I = {(a, {(i, R)})} in the paper.
-- reads: records, refusals
-- params: $pure_terms = FALSE
-- columns:
--   finding        the finding (a)
--   image_id       an image that shows it (i)
--   patient_id     the patient of that image
--   study_id       the study of that image
--   localizations  the localizations of the image (R)
-- Pure terms: only images with exactly one finding (paper, create_index).
SELECT
    unnest(findings) AS finding,
    image_id,
    patient_id,
    study_id,
    localizations,
FROM records
ANTI JOIN refusals USING (row)
WHERE NOT $pure_terms OR array_length(findings) = 1;
