-- unit_classes: one row per unit that belongs to several classes: the first of them.
-- reads: candidates, class_order
SELECT
    candidates.unit_id,
    min(class_order.position) AS first_position,
FROM candidates
INNER JOIN class_order USING (class)
GROUP BY candidates.unit_id
HAVING min(class_order.position) < max(class_order.position);
