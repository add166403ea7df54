-- members: one row per (class, finding, image) that may become part of the dataset.
-- reads: claims, left_out_images
SELECT
    claims.class,
    claims.finding,
    claims.image_id,
    claims.patient_id,
    claims.unit_id,
FROM claims
ANTI JOIN left_out_images USING (image_id);
