-- dataset_members: one row per (class, finding, image) of the finished dataset.
-- reads: eligible, sized_selection, images
-- Patients who were dealt as one are themselves again.
SELECT
    eligible.class,
    eligible.finding,
    eligible.image_id,
    images.patient_id,
    sized_selection.split,
FROM sized_selection
INNER JOIN eligible USING (unit_id)
INNER JOIN images USING (image_id)
ORDER BY eligible.class, eligible.finding, eligible.image_id;
