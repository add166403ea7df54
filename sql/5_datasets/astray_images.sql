-- astray_images: one row per image whose study is not of its patient's period, or has no date.
-- reads: class_members, images, periods, patient_periods
-- A patient stands on one side of a date alone, and no image of the other side comes along: train
-- is before the date and test after it.
SELECT DISTINCT class_members.image_id
FROM class_members
INNER JOIN images USING (image_id)
LEFT JOIN patient_periods ON class_members.patient_id = patient_periods.patient_id
LEFT JOIN periods ON patient_periods.split = periods.split
WHERE
    periods.split IS NULL
    OR images.study_date IS NULL
    OR images.study_date < periods.first_day
    OR images.study_date >= periods.end_day;
