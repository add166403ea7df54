-- dataset_members: one row per (class, finding, image) of the finished dataset.
-- reads: members, selection
SELECT
    members.class,
    members.finding,
    members.image_id,
    members.patient_id,
    selection.split,
FROM selection
INNER JOIN members USING (unit_id)
ORDER BY members.class, members.finding, members.image_id;
