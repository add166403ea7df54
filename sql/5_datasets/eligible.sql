-- eligible: one row per (class, finding, image) that may become part of the dataset.
-- reads: class_members, images_excluded_by_rule
SELECT
    class_members.class,
    class_members.finding,
    class_members.image_id,
    class_members.patient_id,
    class_members.unit_id,
FROM class_members
ANTI JOIN images_excluded_by_rule USING (image_id);
