-- not_kept_apart: one row per patient whom the other dataset forbids a split that has them.
-- reads: audited, images, experiments.members
-- params: $other = 'paper', $its_test = 'test', $own_test = 'test'
-- A patient of its test may be in the own test alone, one of its other splits never; where no split
-- is the test, '', one of its test may be nowhere. The store's word on the patient comes first, in
-- the other dataset too.
WITH known AS (
    SELECT
        coalesce(images.patient_id, members.patient_id) AS patient_id,
        members.split = $its_test AS held_out,
    FROM experiments.members
    LEFT JOIN images USING (image_id)
    WHERE members.dataset = $other
)

SELECT
    audited.patient_id,
    list_sort(list(DISTINCT audited.split)) AS splits,
    CASE WHEN bool_or(known.held_out) THEN 'held out' ELSE 'trained on' END AS other_dataset,
    count(DISTINCT audited.image_id) AS images,
FROM audited
INNER JOIN known USING (patient_id)
WHERE (audited.split = $own_test) <> known.held_out
GROUP BY audited.patient_id
ORDER BY audited.patient_id;
