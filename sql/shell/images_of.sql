-- images_of: one row per image with a finding, such as images_of('nodule').
-- reads: postings, terms, images, damaged_images
-- columns:
--   image_id       an image that shows the finding
--   patient_id     the patient of that image
--   study_id       the study of that image
--   localizations  where that finding lies in that image
--   known_by       how that is known: sentence or image
-- A parameter has its column's name: the column is qualified wherever both are meant. The join with
-- asked makes an unknown finding an error whatever else the query around the macro filters.
CREATE OR REPLACE MACRO images_of(finding) AS TABLE
WITH known AS (
    SELECT 1 AS one
    FROM postings
    WHERE postings.finding = finding
    LIMIT 1
),

heads AS (
    SELECT 1 AS one
    FROM terms
    WHERE terms.term = finding
    LIMIT 1
),

nearest AS (
    SELECT string_agg(DISTINCT postings.finding, ', ' ORDER BY postings.finding) AS words
    FROM postings
    WHERE jaro_winkler_similarity(lower(postings.finding), lower(finding)) >= 0.9
),

asked AS (
    SELECT
        CASE
            WHEN EXISTS (FROM known) THEN finding
            WHEN EXISTS (FROM heads)
                THEN error(
                    concat(
                        '''', finding, ''' is a term that no image has as its finding: ',
                        'FROM below(''', replace(finding, '''', ''''''), ''') has those below it'
                    )
                )
            ELSE error(
                concat(
                    'no image has the finding ''', finding, ''': ',
                    coalesce(
                        'did you mean ' || (SELECT words FROM nearest) || '?',
                        'SELECT DISTINCT finding FROM postings shows all'
                    )
                )
            )
        END AS word,
)

SELECT
    postings.image_id,
    images.patient_id,
    images.study_id,
    postings.localizations,
    postings.known_by,
FROM postings
INNER JOIN asked ON postings.finding = asked.word
INNER JOIN images ON postings.image_id = images.image_id
LEFT JOIN damaged_images ON postings.image_id = damaged_images.image_id
WHERE damaged_images.image_id IS NULL;
