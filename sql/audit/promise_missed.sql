-- promise_missed: one row per (split, class) with other numbers of units than were promised.
-- reads: promised, split_units
-- class '' is all classes together; a promise may allow for so many units more or fewer.
SELECT
    promised.split,
    promised.class,
    promised.units AS promised,
    coalesce(split_units.units, 0) AS units,
FROM promised
LEFT JOIN split_units USING (split, class)
WHERE abs(coalesce(split_units.units, 0) - promised.units) > promised.tolerance
ORDER BY promised.split, promised.class;
