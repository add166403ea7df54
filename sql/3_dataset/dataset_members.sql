-- dataset_members: one row per (class, finding, image) of the finished dataset.
-- reads: members, selection
SELECT
    selection.class,
    members.finding,
    selection.image_id,
    members.patient_id,
    selection.split,
FROM selection
INNER JOIN members USING (class, image_id)
ORDER BY selection.class, members.finding, selection.image_id;
