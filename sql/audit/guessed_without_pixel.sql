-- guessed_without_pixel: one row per guess of the class without a pixel that is above chance.
-- reads: pixel_free_guess
-- columns:
--   auc         area under the curve, above 0.55
--   chance      the most that chance gives in 19 cases of 20
--   trained_on  the split that it was trained on
--   tested_on   the splits that it was tested on
SELECT
    auc,
    chance,
    trained_on,
    tested_on,
FROM pixel_free_guess
WHERE marked;
