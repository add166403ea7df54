-- splits_differ: one row per covariate in which two splits differ, above 0.1 and above chance.
-- reads: compared_covariates
-- columns:
--   covariate  what they differ in
--   first      of all pairs of splits the one that differs most
--   second     the other split of the pair
--   smd        standardised mean difference; NULL where they have nothing in common
--   chance     what chance alone exceeds in one look of 20
SELECT
    covariate,
    first,
    second,
    smd,
    chance,
FROM compared_covariates
WHERE compared = 'splits' AND marked
ORDER BY place;
