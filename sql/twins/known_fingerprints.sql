-- known_fingerprints: one row per reading of an image file, of this run or from before.
-- reads: fresh_fingerprints, fingerprints
-- params: $full = FALSE
-- fresh_fingerprints are those of the run that is under way, which may have been killed and
-- started again. Where all files are to be read anew, what was read before counts for nothing.
SELECT
    *,
    TRUE AS fresh,
FROM fresh_fingerprints

UNION ALL

SELECT
    *,
    FALSE AS fresh,
FROM fingerprints
WHERE NOT $full;
