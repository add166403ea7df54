-- bundle_members: one row per (class, finding, image) of a bundle's dataset, as this store has it.
-- reads: eligible, bundle_images
-- A bundle says which images in which split; what they show is looked up here.
SELECT
    eligible.class,
    eligible.finding,
    eligible.image_id,
    eligible.patient_id,
    bundle_images.split,
FROM eligible
INNER JOIN bundle_images USING (image_id)
ORDER BY eligible.class, eligible.finding, eligible.image_id;
