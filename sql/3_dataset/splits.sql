-- splits: one row per patient: the split that holds all the patient's images.
-- reads: signatures, allocation
-- params: $seed = 1
-- allocation says how many patients of each signature go to each split; chance says which.
WITH dealt AS (
    SELECT
        patient_id,
        signature,
        limit_to,
        row_number() OVER (
            PARTITION BY signature, limit_to
            ORDER BY md5(concat($seed, '|', patient_id)), patient_id
        ) AS place,
    FROM signatures
),

ranges AS (
    SELECT
        signature,
        limit_to,
        split,
        patients,
        CAST(
            sum(patients) OVER (
                PARTITION BY signature, limit_to
                ORDER BY position
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) AS BIGINT
        ) AS last_place,
    FROM allocation
)

SELECT
    dealt.patient_id,
    ranges.split,
FROM dealt
INNER JOIN ranges
    ON
        dealt.signature = ranges.signature
        AND dealt.limit_to = ranges.limit_to
        AND dealt.place <= ranges.last_place
        AND dealt.place > ranges.last_place - ranges.patients;
