-- dataset_members: one row per (class, finding, image) of the finished dataset.
-- reads: members, sized_selection, images
-- Patients who were dealt as one are themselves again.
SELECT
    members.class,
    members.finding,
    members.image_id,
    images.patient_id,
    sized_selection.split,
FROM sized_selection
INNER JOIN members USING (unit_id)
INNER JOIN images USING (image_id)
ORDER BY members.class, members.finding, members.image_id;
