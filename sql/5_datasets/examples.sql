-- examples: one row per (class, split, image) of a split, with what is known of it without a pixel.
-- reads: compared_members, member_images, images
-- columns:
--   class              the class, NULL where none is said
--   split              the split
--   image_id           the image
--   patient_id         its patient
--   age                whole years, NULL where unknown
--   year               year of the study, NULL where unknown
--   sex                M, F or O; like the next three 'unknown' where it is
--   projection         PA, L, AP_horizontal, …
--   manufacturer       maker of the machine
--   label_method       who labelled the report: Physician or RNN_model
--   images_of_patient  images of the patient in the store, in steps: 1, 2, 3-4, 5-9, 10+
-- How often a patient was filmed is a sign of how ill he is and how long he was followed. Steps,
-- since a mean hides it: patients with two films have the mean of those with one and with three.
WITH members AS (
    SELECT DISTINCT
        class,
        split,
        image_id,
    FROM compared_members
),

patients AS (
    SELECT
        patient_id,
        count(*) AS images,
    FROM images
    SEMI JOIN member_images USING (patient_id)
    GROUP BY patient_id
)

SELECT
    members.class,
    members.split,
    members.image_id,
    member_images.patient_id,
    member_images.age,
    member_images.year,
    member_images.sex,
    member_images.projection,
    member_images.manufacturer,
    member_images.label_method,
    CASE
        WHEN patients.images <= 2 THEN CAST(patients.images AS VARCHAR)
        WHEN patients.images <= 4 THEN '3-4'
        WHEN patients.images <= 9 THEN '5-9'
        ELSE '10+'
    END AS images_of_patient,
FROM members
INNER JOIN member_images USING (image_id)
INNER JOIN patients USING (patient_id);
