-- signature_counts: one row per signature: the patients that have it.
-- reads: signatures
SELECT
    signature,
    limit_to,
    CAST(count(*) AS BIGINT) AS patients,
FROM signatures
GROUP BY signature, limit_to
ORDER BY signature, limit_to;
