-- crowded_images: one row per image beyond the number that a patient may bring to a class.
-- reads: class_members, images, images_excluded_by_rule
-- params: $per_patient = 2, $seed = 1
-- Chance says which stay. One that is beyond the number in any of its classes goes. It is another
-- chance than that of the balance, or the images of patients with many would win both draws.
-- Patients who are dealt as one are several here.
WITH class_units AS (
    SELECT DISTINCT
        class_members.class,
        class_members.image_id,
        images.patient_id,
    FROM class_members
    INNER JOIN images USING (image_id)
    ANTI JOIN images_excluded_by_rule USING (image_id)
),

ranked AS (
    SELECT
        image_id,
        row_number() OVER (
            PARTITION BY class, patient_id
            ORDER BY md5(concat($seed, '|per_patient|', image_id)), image_id
        ) AS place,
    FROM class_units
)

SELECT DISTINCT image_id
FROM ranked
WHERE place > $per_patient;
