-- twins_across_patients: one row per pair of twins of different patients, the surest first.
-- reads: twins, images
SELECT
    twins.kind,
    twins.distance,
    twins.image_id,
    images.patient_id,
    twins.twin_id,
    others.patient_id AS twin_patient_id,
    twins.twin_group,
FROM twins
INNER JOIN images USING (image_id)
INNER JOIN images AS others ON twins.twin_id = others.image_id
WHERE NOT twins.same_patient AND twins.kind <> 'constant'
ORDER BY twins.distance, twins.kind = 'near', twins.kind, twins.image_id, twins.twin_id;
