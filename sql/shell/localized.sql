-- localized: one row per image with a finding in a place, such as localized('nodule', 'right').
-- reads: postings, terms, images, damaged_images
-- columns:
--   image_id       an image that shows the finding there
--   patient_id     the patient of that image
--   study_id       the study of that image
--   localizations  where that finding lies in that image
--   known_by       how that is known: sentence or image
-- The place may be given with the label file's 'loc ' before it, and must be that localization
-- itself: 'lower lobe' is not found in 'loc left lower lobe'.
CREATE OR REPLACE MACRO localized(finding, localization) AS TABLE
WITH places AS (
    SELECT
        CASE
            WHEN starts_with(localization, 'loc ') THEN localization
            ELSE 'loc ' || localization
        END AS place,
),

known AS (
    SELECT 1 AS one
    FROM postings
    WHERE postings.finding = finding
    LIMIT 1
),

known_places AS (
    SELECT 1 AS one
    FROM terms
    INNER JOIN places ON 'loc ' || terms.term = places.place
    WHERE terms.tree = 'localization'

    UNION ALL

    SELECT 1 AS one
    FROM postings
    INNER JOIN places ON list_contains(postings.localizations, places.place)
    WHERE postings.finding = finding
    LIMIT 1
),

nearest AS (
    SELECT string_agg(DISTINCT postings.finding, ', ' ORDER BY postings.finding) AS words
    FROM postings
    WHERE jaro_winkler_similarity(lower(postings.finding), lower(finding)) >= 0.9
),

nearest_places AS (
    SELECT string_agg(DISTINCT terms.term, ', ' ORDER BY terms.term) AS words
    FROM terms
    CROSS JOIN places
    WHERE
        terms.tree = 'localization'
        AND jaro_winkler_similarity(terms.term, substr(places.place, 5)) >= 0.9
),

asked AS (
    SELECT
        CASE
            WHEN NOT EXISTS (FROM known)
                THEN error(
                    concat(
                        'no image has the finding ''', finding, ''': ',
                        coalesce(
                            'did you mean ' || (SELECT nearest.words FROM nearest) || '?',
                            'SELECT DISTINCT finding FROM postings shows all'
                        )
                    )
                )
            WHEN EXISTS (FROM known_places) THEN finding
            ELSE error(
                concat(
                    'there is no localization ''', localization, ''': ',
                    coalesce(
                        'did you mean '
                        || (SELECT nearest_places.words FROM nearest_places) || '?',
                        'FROM below(''localization'') shows all'
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
INNER JOIN places ON list_contains(postings.localizations, places.place)
INNER JOIN images ON postings.image_id = images.image_id
LEFT JOIN damaged_images ON postings.image_id = damaged_images.image_id
WHERE damaged_images.image_id IS NULL;
