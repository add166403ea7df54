-- unit_torn: one row per (image, split, class) that lacks, though others of its unit are there.
-- reads: audited, cohort, candidates, images, periods
-- Where dates part the splits, images of other periods are left out.
WITH members AS (
    SELECT DISTINCT
        audited.image_id,
        audited.split,
        audited.class,
        cohort.unit_id,
    FROM audited
    INNER JOIN cohort USING (image_id)
),

units AS (
    SELECT DISTINCT
        unit_id,
        split,
        class,
    FROM members
),

whole AS (
    SELECT DISTINCT
        candidates.image_id,
        units.split,
        units.class,
        images.patient_id,
        images.study_id,
    FROM candidates
    INNER JOIN units USING (class, unit_id)
    INNER JOIN images ON candidates.image_id = images.image_id
    LEFT JOIN periods ON units.split = periods.split
    WHERE
        periods.split IS NULL
        OR (images.study_date >= periods.first_day AND images.study_date < periods.end_day)
)

SELECT
    whole.image_id,
    whole.split,
    whole.class,
    whole.patient_id,
    whole.study_id,
FROM whole
ANTI JOIN members USING (image_id, class)
ORDER BY whole.image_id, whole.split, whole.class;
