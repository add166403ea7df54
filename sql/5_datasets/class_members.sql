-- class_members: one row per (class, finding, image), units of several classes settled.
-- reads: candidates, unit_classes, class_order
-- params: $overlap = 'drop'
-- Such a unit would be a wrong example of each class alone, so it is dropped, unless the recipe
-- gives it to the first of its classes or keeps it in all.
SELECT
    candidates.class,
    candidates.finding,
    candidates.image_id,
    candidates.patient_id,
    candidates.unit_id,
FROM candidates
INNER JOIN class_order USING (class)
LEFT JOIN unit_classes USING (unit_id)
WHERE
    unit_classes.unit_id IS NULL
    OR $overlap = 'keep'
    OR ($overlap = 'first' AND class_order.position = unit_classes.first_position);
