-- dataset_images: one row per image of a recorded dataset, such as dataset_images('paper').
-- reads: experiments.members, experiments.dataset
-- columns:
--   class       the class that the image is an example of
--   split       train, valid or test
--   image_id    the image
--   patient_id  the patient of that image
--   findings    the findings for which it is in that class
CREATE OR REPLACE MACRO dataset_images(dataset) AS TABLE
WITH known AS (
    SELECT 1 AS one
    FROM experiments.dataset
    WHERE experiments.dataset.name = dataset
    LIMIT 1
),

names AS (
    SELECT string_agg(recorded.name, ', ' ORDER BY recorded.name) AS words
    FROM experiments.dataset AS recorded
),

asked AS (
    SELECT
        CASE
            WHEN EXISTS (FROM known) THEN dataset
            ELSE error(
                concat(
                    'the store has no dataset ''', dataset, ''': ',
                    coalesce('it has ' || (SELECT names.words FROM names), 'cxr create makes one')
                )
            )
        END AS word,
)

SELECT
    members.class,
    members.split,
    members.image_id,
    members.patient_id,
    list_sort(list(members.finding)) AS findings,
FROM experiments.members AS members
INNER JOIN asked ON members.dataset = asked.word
GROUP BY members.class, members.split, members.image_id, members.patient_id;
