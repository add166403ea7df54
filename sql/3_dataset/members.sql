-- members: one row per (class, finding, image), each image in one class only.
-- reads: candidates, shared_images
-- An image of two classes would be a wrong example of one of them, so it is no example of either.
SELECT
    candidates.class,
    candidates.finding,
    candidates.image_id,
    candidates.patient_id,
FROM candidates
ANTI JOIN shared_images USING (image_id);
