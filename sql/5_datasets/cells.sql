-- cells: one row per (class, finding, stratum), numbered; finding '' is the class as a whole.
-- reads: eligible, unit_strata
-- A finding has no stratum. Without columns to stratify or match by there is none at all.
WITH named AS (
    SELECT DISTINCT
        class,
        finding,
        '' AS stratum,
    FROM eligible

    UNION

    SELECT DISTINCT
        class,
        '' AS finding,
        '' AS stratum,
    FROM eligible

    UNION

    SELECT DISTINCT
        class,
        '' AS finding,
        stratum,
    FROM unit_strata
)

SELECT
    class,
    finding,
    stratum,
    CAST(row_number() OVER (ORDER BY class, finding, stratum) AS INTEGER) AS cell,
FROM named;
