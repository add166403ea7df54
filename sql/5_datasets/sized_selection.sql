-- sized_selection: one row per unit that stays where the recipe asks for a size.
-- reads: selection, unit_kinds, kind_rows, size_limits
-- params: $seed = 1
-- The units of a class and split stand in a row of which any beginning has every group in
-- proportion: a group is those of one finding, or of one combination where classes match. So a
-- smaller size lies within a larger one. A group's first place is moved back by chance, so that no
-- group is first in every row. kind_rows has a row for each (kind, split): its class and group; the
-- width of the group, its share of the row; and how many units of the class go together.
-- size_limits has the units of each (class, split) that stay.
WITH named AS (
    SELECT DISTINCT
        split,
        grouped,
    FROM kind_rows
),

ordered AS (
    SELECT
        split,
        grouped,
        row_number() OVER (
            PARTITION BY split
            ORDER BY md5(concat($seed, '|size|', split, '|', grouped)), grouped
        ) AS place,
        count(*) OVER (PARTITION BY split) AS total,
    FROM named
),

placed AS (
    SELECT
        selection.unit_id,
        selection.split,
        kind_rows.class,
        kind_rows.grouped,
        kind_rows.width,
        kind_rows.together,
        row_number() OVER (
            PARTITION BY selection.split, kind_rows.class, kind_rows.grouped
            ORDER BY md5(concat($seed, '|size|', selection.unit_id)), selection.unit_id
        ) AS place,
    FROM selection
    INNER JOIN unit_kinds USING (unit_id)
    INNER JOIN kind_rows
        ON unit_kinds.kind = kind_rows.kind AND selection.split = kind_rows.split
),

ranked AS (
    SELECT
        placed.unit_id,
        placed.split,
        placed.class,
        row_number() OVER (
            PARTITION BY placed.split, placed.class
            ORDER BY
                (
                    CAST(floor((placed.place - 1) / placed.together) AS BIGINT)
                    * 2 * ordered.total
                    + 2 * ordered.place - 1
                ) / (placed.width * 2 * ordered.total),
                ordered.place,
                placed.place
        ) AS place,
    FROM placed
    INNER JOIN ordered ON placed.split = ordered.split AND placed.grouped = ordered.grouped
)

SELECT
    ranked.unit_id,
    ranked.split,
FROM ranked
INNER JOIN size_limits
    ON
        ranked.class = size_limits.class
        AND ranked.split = size_limits.split
        AND ranked.place <= size_limits.units;
