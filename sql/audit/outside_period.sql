-- outside_period: one row per image whose study is not of its split's period, or has no date.
-- reads: audited, images, periods
SELECT DISTINCT
    audited.image_id,
    audited.split,
    images.study_date,
FROM audited
INNER JOIN images USING (image_id)
INNER JOIN periods USING (split)
WHERE
    images.study_date IS NULL
    OR images.study_date < periods.first_day
    OR images.study_date >= periods.end_day
ORDER BY audited.image_id, audited.split;
