-- pair_totals: one row: units observed, and those of them with an asked finding.
-- reads: observations, asked_findings
-- columns:
--   observed  units with an observation
--   asked     units with an asked finding
WITH asked AS (
    SELECT DISTINCT observations.unit
    FROM observations
    SEMI JOIN asked_findings USING (finding)
    WHERE observations.finding <> 'normal'
)

SELECT
    CAST(count(DISTINCT unit) AS BIGINT) AS observed,
    (SELECT CAST(count(*) AS BIGINT) FROM asked) AS asked,
FROM observations;
