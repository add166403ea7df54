-- signature_counts: one row per signature, numbered: the patients that have it.
-- reads: signatures
WITH counted AS (
    SELECT
        signature,
        limit_to,
        CAST(count(*) AS BIGINT) AS patients,
    FROM signatures
    GROUP BY signature, limit_to
)

SELECT
    CAST(row_number() OVER (ORDER BY signature, limit_to) AS INTEGER) AS number,
    signature,
    limit_to,
    patients,
FROM counted
ORDER BY number;
