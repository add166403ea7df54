-- splits: one row per patient: the split that holds all the patient's images.
-- reads: signatures, signature_counts, allocation
-- params: $seed = 1
-- allocation says how many patients of each signature go to each split; chance says which.
WITH dealt AS (
    SELECT
        signatures.patient_id,
        signature_counts.number,
        row_number() OVER (
            PARTITION BY signature_counts.number
            ORDER BY md5(concat($seed, '|', signatures.patient_id)), signatures.patient_id
        ) AS place,
    FROM signatures
    INNER JOIN signature_counts USING (signature, limit_to)
),

ranges AS (
    SELECT
        number,
        split,
        patients,
        sum(patients) OVER (
            PARTITION BY number
            ORDER BY position
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS last_place,
    FROM allocation
)

SELECT
    dealt.patient_id,
    ranges.split,
FROM dealt
INNER JOIN ranges
    ON
        dealt.number = ranges.number
        AND dealt.place <= ranges.last_place
        AND dealt.place > ranges.last_place - ranges.patients;
