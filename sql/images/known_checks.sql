-- known_checks: one row per test of an image file that is known, of this run or from before.
-- reads: fresh_checks, checks
-- params: $full = FALSE
-- fresh_checks are those of the run that is under way, which may have been killed and started
-- again. Where all files are to be tested anew, what was found before counts for nothing.
SELECT
    *,
    TRUE AS fresh,
FROM fresh_checks

UNION ALL

SELECT
    *,
    FALSE AS fresh,
FROM checks
WHERE NOT $full;
