-- twins: one row per pair of images with the same file or pixels, or that look the same.
-- reads: twin_pairs, fingerprints, images
-- columns:
--   image_id      the first of the two by name
--   twin_id       the other one
--   kind          file: the same bytes; pixels: the same pixels; near: they look the same;
--                 constant: the same pixels, all of which are equal
--   distance      bits of 1,024 in which their perceptual hashes differ
--   same_patient  whether both are of one patient
--   twin_group    the first image of all that hang together by pairs
-- Of many images with the same file, pixels or hash each is paired with the first of them. What was
-- read of a file says nothing of another one that the image has since.
WITH seen AS (
    SELECT
        images.image_id,
        images.patient_id,
    FROM images
    INNER JOIN fingerprints
        ON images.image_id = fingerprints.image_id AND images.path = fingerprints.path
)

SELECT
    twin_pairs.image_id,
    twin_pairs.twin_id,
    twin_pairs.kind,
    twin_pairs.distance,
    seen.patient_id = others.patient_id AS same_patient,
    twin_pairs.twin_group,
FROM twin_pairs
INNER JOIN seen USING (image_id)
INNER JOIN seen AS others ON twin_pairs.twin_id = others.image_id;
