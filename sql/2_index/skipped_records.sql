-- skipped_records: one row per record that makes no image: refused, or nothing new to the store.
-- reads: refusals, known_records
-- params: $readmitting = FALSE
SELECT row
FROM refusals

UNION ALL

SELECT row
FROM known_records
WHERE state = 'same' OR (state = 'removed' AND NOT $readmitting);
