-- promise_missed: one row per (split, class) with other numbers of images than were promised.
-- reads: promised, split_composition
-- class '' is all classes together; a promise may allow for so many images more or fewer.
SELECT
    promised.split,
    promised.class,
    promised.images AS promised,
    coalesce(split_composition.images, 0) AS images,
FROM promised
LEFT JOIN split_composition USING (split, class)
WHERE abs(coalesce(split_composition.images, 0) - promised.images) > promised.tolerance
ORDER BY promised.split, promised.class;
