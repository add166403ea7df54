-- bundle_members: one row per (class, finding, image) of a bundle's dataset, as this store has it.
-- reads: members, bundle_images
-- A bundle says which images in which split; what they show is looked up here.
SELECT
    members.class,
    members.finding,
    members.image_id,
    members.patient_id,
    bundle_images.split,
FROM members
INNER JOIN bundle_images USING (image_id)
ORDER BY members.class, members.finding, members.image_id;
