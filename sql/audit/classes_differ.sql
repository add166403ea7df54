-- classes_differ: one row per covariate in which two classes differ, above 0.1 and above chance.
-- reads: compared_covariates
-- columns:
--   covariate  what they differ in, beside the finding
--   first      of all pairs of classes the one that differs most
--   second     the other class of the pair
--   smd        standardised mean difference; NULL where they have nothing in common
--   chance     what chance alone exceeds in one look of 20
SELECT
    covariate,
    first,
    second,
    smd,
    chance,
FROM compared_covariates
WHERE compared = 'classes' AND marked
ORDER BY place;
