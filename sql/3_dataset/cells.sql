-- cells: one row per (class, finding), numbered; finding '' is the class as a whole.
-- reads: members
WITH named AS (
    SELECT DISTINCT
        class,
        finding,
    FROM members

    UNION

    SELECT DISTINCT
        class,
        '' AS finding,
    FROM members
)

SELECT
    class,
    finding,
    CAST(row_number() OVER (ORDER BY class, finding) AS INTEGER) AS cell,
FROM named;
