-- audited: one row per (image, split, class) of a csv_split split, with what the store knows of it.
-- reads: csv_split, images
-- params: $dataset = 'normal-vs-not-normal'
-- columns:
--   dataset     what is audited
--   image_id    the image
--   split       a split that it is in
--   class       a class that it is in, NULL where none is said
--   patient_id  its patient in the store, else the recorded one, else NULL
--   study_id    its study in the store, else NULL
--   known       whether the store has the image
-- The store's word on the patient comes first: a record may be older than a correction.
SELECT
    $dataset AS dataset,
    csv_split.image_id,
    csv_split.split,
    csv_split.class,
    coalesce(images.patient_id, csv_split.patient_id) AS patient_id,
    images.study_id,
    images.image_id IS NOT NULL AS known,
FROM csv_split
LEFT JOIN images USING (image_id);
