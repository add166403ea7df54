-- apart_images: one row per image of a patient whom no split may take.
-- reads: class_members, patient_limits, patient_periods, split_order
-- Where dates part the splits, a patient has one split alone, and it may be one that must not be.
WITH ends AS (
    SELECT
        min(position) AS first_position,
        max(position) AS last_position,
    FROM split_order
)

SELECT DISTINCT class_members.image_id
FROM class_members
INNER JOIN patient_limits USING (patient_id)
CROSS JOIN ends
LEFT JOIN patient_periods ON class_members.patient_id = patient_periods.patient_id
LEFT JOIN split_order ON patient_periods.split = split_order.split
WHERE
    patient_limits.limit_to = 'none'
    OR (patient_limits.limit_to = 'first' AND split_order.position > ends.first_position)
    OR (patient_limits.limit_to = 'last' AND split_order.position < ends.last_position)
    OR (patient_limits.limit_to = 'not last' AND split_order.position = ends.last_position);
