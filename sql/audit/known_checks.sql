-- known_checks: one row per file of a split that was tested whole before: what was found then.
-- reads: files, checks
SELECT
    checks.path,
    checks.bytes,
    checks.modified,
    checks.verdict,
    checks.reason,
    checks.detail,
    checks."offset",
FROM checks
INNER JOIN files ON checks.image_id = files.image_id AND checks.path = files.path
WHERE
    checks.whole
    AND checks.digest IS NOT NULL
    AND checks.reason IS DISTINCT FROM 'no decoder';
