-- drawn_combinations: one row per class of an image that is no member: what was drawn beside it.
-- reads: eligible, splits, selection, unit_combinations
-- params: $image_id = 'demo_0000007_01-001-009.png'
-- columns:
--   class        the class
--   split        the split of the image's patient
--   combination  the values of the image in the columns by which classes match
--   available    units of the class with that combination in that split
--   kept         those of them that were drawn
WITH asked AS (
    SELECT DISTINCT
        eligible.class,
        splits.split,
        unit_combinations.combination,
    FROM eligible
    INNER JOIN splits USING (patient_id)
    INNER JOIN unit_combinations USING (unit_id)
    WHERE eligible.image_id = $image_id
)

SELECT
    asked.class,
    asked.split,
    asked.combination,
    CAST(count(DISTINCT eligible.unit_id) AS BIGINT) AS available,
    CAST(count(DISTINCT selection.unit_id) AS BIGINT) AS kept,
FROM asked
INNER JOIN eligible USING (class)
INNER JOIN splits ON eligible.patient_id = splits.patient_id AND asked.split = splits.split
INNER JOIN unit_combinations
    ON
        eligible.unit_id = unit_combinations.unit_id
        AND asked.combination = unit_combinations.combination
LEFT JOIN selection ON eligible.unit_id = selection.unit_id
GROUP BY asked.class, asked.split, asked.combination
ORDER BY asked.class;
