-- known_rows: one row per reading of an image file that is known, of this run or from before.
-- reads: fresh_rows, stored_rows
-- params: $full = FALSE
-- fresh_rows are those of the run that is under way, which may have been killed and started again.
-- Where all files are to be read anew, what was found before counts for nothing.
SELECT
    *,
    TRUE AS fresh,
FROM fresh_rows

UNION ALL

SELECT
    *,
    FALSE AS fresh,
FROM stored_rows
WHERE NOT $full;
