-- twin_counts: one row per kind of twins: pairs, and those of different patients.
-- reads: twins
SELECT
    kind,
    CAST(count(*) AS BIGINT) AS pairs,
    CAST(count(*) FILTER (NOT same_patient) AS BIGINT) AS across_patients,
    CAST(count(DISTINCT twin_group) AS BIGINT) AS groups,
FROM twins
GROUP BY kind
ORDER BY kind;
