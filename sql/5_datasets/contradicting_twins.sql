-- contradicting_twins: one row per film that a dataset has several times, in different classes.
-- reads: dataset_members, twin_members, checks, images
-- Such images are twins, or where nobody looked for twins have files of the same digest.
WITH labelled AS (
    SELECT
        image_id,
        string_agg(DISTINCT class, '|' ORDER BY class) AS classes,
    FROM dataset_members
    GROUP BY image_id
),

tested AS (
    SELECT
        checks.image_id,
        checks.digest,
    FROM checks
    INNER JOIN images ON checks.image_id = images.image_id AND checks.path = images.path
    WHERE checks.verdict = 'ok'
),

films AS (
    SELECT
        labelled.image_id,
        labelled.classes,
        coalesce(twin_members.twin_group, tested.digest) AS film,
    FROM labelled
    LEFT JOIN twin_members ON labelled.image_id = twin_members.image_id
    LEFT JOIN tested ON labelled.image_id = tested.image_id
)

SELECT
    film,
    min(image_id) AS image_id,
    max(image_id) AS twin_id,
    CAST(count(*) AS BIGINT) AS images,
FROM films
WHERE film IS NOT NULL
GROUP BY film
HAVING count(DISTINCT classes) > 1
ORDER BY image_id;
