-- patient_periods: one row per patient: the period of most of the images, the later one at a tie.
-- reads: class_members, images, periods
WITH dated AS (
    SELECT DISTINCT
        class_members.patient_id,
        class_members.image_id,
        periods.position,
        periods.split,
    FROM class_members
    INNER JOIN images USING (image_id)
    INNER JOIN periods
        ON images.study_date >= periods.first_day AND images.study_date < periods.end_day
),

counted AS (
    SELECT
        patient_id,
        position,
        split,
        count(*) AS images,
    FROM dated
    GROUP BY patient_id, position, split
),

ranked AS (
    SELECT
        patient_id,
        split,
        row_number() OVER (PARTITION BY patient_id ORDER BY images DESC, position DESC) AS place,
    FROM counted
)

SELECT
    patient_id,
    split,
FROM ranked
WHERE place = 1;
