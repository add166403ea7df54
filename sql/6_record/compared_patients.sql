-- compared_patients: one row per pair of splits, one in each of two datasets, that share patients.
-- reads: experiments.members
-- params: $first = 'paper', $second = 'lung-vs-heart'
-- columns:
--   first_split    a split of the first dataset
--   second_split   a split of the second
--   patients       patients with images in both
--   first_images   images that they have in that split of the first dataset
--   second_images  images that they have in that split of the second
-- Where a model was trained on one dataset and is tested on the other, these patients are known to
-- it although no image need be in both.
WITH first_patients AS (
    SELECT
        patient_id,
        split,
        count(DISTINCT image_id) AS images,
    FROM experiments.members
    WHERE dataset = $first
    GROUP BY patient_id, split
),

second_patients AS (
    SELECT
        patient_id,
        split,
        count(DISTINCT image_id) AS images,
    FROM experiments.members
    WHERE dataset = $second
    GROUP BY patient_id, split
)

SELECT
    first_patients.split AS first_split,
    second_patients.split AS second_split,
    count(*) AS patients,
    CAST(sum(first_patients.images) AS BIGINT) AS first_images,
    CAST(sum(second_patients.images) AS BIGINT) AS second_images,
FROM first_patients
INNER JOIN second_patients USING (patient_id)
GROUP BY first_patients.split, second_patients.split
ORDER BY first_split, second_split;
