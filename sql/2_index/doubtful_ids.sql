-- doubtful_ids: one row per set of identifiers of the index that may be wrong.
-- reads: images
-- columns:
--   name    the column: patient_id or study_id
--   ids     the identifiers
--   reason  why they are doubtful
-- Identifiers that differ in blanks, case, zeros before or .0 behind alone may be one patient's,
-- who then comes to two splits. The ids of studies are unique within a patient only, but in
-- PadChest one alone has two patients.
WITH studies AS (
    SELECT DISTINCT
        patient_id,
        study_id,
    FROM images
),

several AS (
    SELECT study_id
    FROM studies
    GROUP BY study_id
    HAVING count(*) > 1
),

shared AS (
    SELECT
        studies.study_id,
        list_sort(list(studies.patient_id)) AS patients,
    FROM studies
    INNER JOIN several USING (study_id)
    GROUP BY studies.study_id
),

identifiers AS (
    SELECT DISTINCT
        'patient_id' AS name,
        patient_id AS id,
    FROM studies

    UNION ALL

    SELECT DISTINCT
        'study_id' AS name,
        study_id AS id,
    FROM studies
),

keyed AS (
    SELECT
        name,
        id,
        CASE
            WHEN regexp_matches(id, '^[1-9][0-9]*$') THEN id
            ELSE regexp_replace(
                translate(id, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz'),
                '^[0\s]+|\s|[.]0+\s*$',
                '',
                'g'
            )
        END AS key,
    FROM identifiers
),

alike AS (
    SELECT
        name,
        key,
    FROM keyed
    GROUP BY name, key
    HAVING count(*) > 1
),

near AS (
    SELECT
        keyed.name,
        list_sort(list(keyed.id)) AS ids,
    FROM keyed
    INNER JOIN alike USING (name, key)
    GROUP BY keyed.name, keyed.key
)

SELECT
    name,
    ids,
    'they differ in blanks, case, zeros before or .0 behind alone' AS reason,
FROM near

UNION ALL

SELECT
    'study_id' AS name,
    [study_id] AS ids,
    concat('it has several patients: ', array_to_string(patients, ', ')) AS reason,
FROM shared
ORDER BY name, ids;
