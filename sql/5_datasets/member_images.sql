-- member_images: one row per image of a split that the store has, with what is known of it.
-- reads: compared_members, images
-- columns:
--   image_id      the image
--   patient_id    its patient
--   age           whole years, NULL where unknown
--   year          year of the study, NULL where unknown
--   sex           M, F or O; like the next three 'unknown' where it is
--   projection    PA, L, AP_horizontal, …
--   manufacturer  maker of the machine
--   label_method  who labelled the report: Physician or RNN_model
--   findings      the image's findings
--   path          its file, NULL where there is none
SELECT
    image_id,
    patient_id,
    age,
    year(study_date) AS year,
    coalesce(sex, 'unknown') AS sex,
    coalesce(projection, 'unknown') AS projection,
    coalesce(manufacturer, 'unknown') AS manufacturer,
    coalesce(label_method, 'unknown') AS label_method,
    findings,
    path,
FROM images
SEMI JOIN compared_members USING (image_id);
