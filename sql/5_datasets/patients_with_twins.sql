-- patients_with_twins: one row per pair of patients who have twin images.
-- reads: twins, images
-- An image without a picture, all of whose pixels are the same, says nothing of its patient.
SELECT DISTINCT
    least(images.patient_id, others.patient_id) AS patient_id,
    greatest(images.patient_id, others.patient_id) AS other_patient_id,
FROM twins
INNER JOIN images USING (image_id)
INNER JOIN images AS others ON twins.twin_id = others.image_id
WHERE twins.kind <> 'constant' AND NOT twins.same_patient;
