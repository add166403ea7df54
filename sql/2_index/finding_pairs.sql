-- finding_pairs: one row per finding beside the asked ones: how often they stand together.
-- reads: observations, asked_findings, pair_totals
-- columns:
--   finding   a finding that is none of the asked
--   images    images with both
--   together  units with both
--   total     units with the finding
--   lift      P(both) / (P(asked) P(finding)): 1 where they don't depend on each other
-- normal is no partner: the clean-up of labels drops it beside any other finding.
WITH asked AS (
    SELECT DISTINCT
        observations.image_id,
        observations.unit,
    FROM observations
    SEMI JOIN asked_findings USING (finding)
    WHERE observations.finding <> 'normal'
),

asked_units AS (
    SELECT DISTINCT unit
    FROM asked
),

partners AS (
    SELECT
        observations.finding,
        observations.image_id,
        observations.unit,
    FROM observations
    ANTI JOIN asked_findings USING (finding)
    WHERE observations.finding <> 'normal'
),

counts AS (
    SELECT
        partners.finding,
        count(DISTINCT CASE WHEN asked.image_id IS NOT NULL THEN partners.image_id END) AS images,
        count(DISTINCT asked_units.unit) AS together,
        count(DISTINCT partners.unit) AS total,
    FROM partners
    LEFT JOIN asked ON partners.image_id = asked.image_id
    LEFT JOIN asked_units ON partners.unit = asked_units.unit
    GROUP BY partners.finding
)

SELECT
    counts.finding,
    CAST(counts.images AS BIGINT) AS images,
    CAST(counts.together AS BIGINT) AS together,
    CAST(counts.total AS BIGINT) AS total,
    counts.together * pair_totals.observed / (pair_totals.asked * counts.total) AS lift,
FROM counts
CROSS JOIN pair_totals
ORDER BY lift DESC, counts.finding;
