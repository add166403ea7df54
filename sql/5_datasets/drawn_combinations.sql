-- drawn_combinations: one row per class of an image that is no member: what was drawn beside it.
-- reads: members, splits, selection, unit_combinations
-- params: $image_id = 'demo_0000007_01-001-009.png'
-- columns:
--   class        the class
--   split        the split of the image's patient
--   combination  the values of the image in the columns by which classes match
--   available    units of the class with that combination in that split
--   kept         those of them that were drawn
WITH asked AS (
    SELECT DISTINCT
        members.class,
        splits.split,
        unit_combinations.combination,
    FROM members
    INNER JOIN splits USING (patient_id)
    INNER JOIN unit_combinations USING (unit_id)
    WHERE members.image_id = $image_id
)

SELECT
    asked.class,
    asked.split,
    asked.combination,
    CAST(count(DISTINCT members.unit_id) AS BIGINT) AS available,
    CAST(count(DISTINCT selection.unit_id) AS BIGINT) AS kept,
FROM asked
INNER JOIN members USING (class)
INNER JOIN splits ON members.patient_id = splits.patient_id AND asked.split = splits.split
INNER JOIN unit_combinations
    ON
        members.unit_id = unit_combinations.unit_id
        AND asked.combination = unit_combinations.combination
LEFT JOIN selection ON members.unit_id = selection.unit_id
GROUP BY asked.class, asked.split, asked.combination
ORDER BY asked.class;
