-- conflicting_records: one row per record of a label file whose image the store has otherwise.
-- reads: records, known_records
WITH changed AS (
    SELECT row
    FROM known_records
    WHERE state = 'changed'
)

SELECT records.*
FROM records
SEMI JOIN changed ON records.row = changed.row;
