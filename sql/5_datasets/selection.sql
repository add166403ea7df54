-- selection: one row per unit that stays after balancing.
-- reads: unit_kinds, quotas
-- params: $seed = 1
-- quotas says how many units of each kind stay in each split; chance says which, another one than
-- that which dealt the patients.
WITH drawn AS (
    SELECT
        unit_id,
        split,
        kind,
        row_number() OVER (
            PARTITION BY split, kind
            ORDER BY md5(concat($seed, '|balance|', unit_id)), unit_id
        ) AS place,
    FROM unit_kinds
)

SELECT
    drawn.unit_id,
    drawn.split,
FROM drawn
INNER JOIN quotas
    ON drawn.split = quotas.split AND drawn.kind = quotas.kind AND drawn.place <= quotas.units;
