-- classes_unequal: one row per (dataset, split) in which classes that must be equal are not.
-- reads: experiments.dataset, experiments.members, images
-- A dataset is counted in its unit; images that were removed since have no study any more.
WITH counted AS (
    SELECT
        recorded.name AS dataset,
        members.class,
        members.split,
        CASE recorded.unit
            WHEN 'patient' THEN members.patient_id
            WHEN 'study' THEN images.patient_id || '|' || images.study_id
            ELSE members.image_id
        END AS unit_id,
    FROM experiments.dataset AS recorded
    INNER JOIN experiments.members ON recorded.name = members.dataset
    LEFT JOIN images USING (image_id)
    WHERE recorded.balance = 'equal'
),

sizes AS (
    SELECT
        dataset,
        split,
        class,
        count(DISTINCT unit_id) AS units,
        bool_or(unit_id IS NULL) AS removed,
    FROM counted
    GROUP BY dataset, split, class
)

SELECT
    dataset,
    split,
    min(units) AS smallest,
    max(units) AS largest,
FROM sizes
GROUP BY dataset, split
HAVING min(units) <> max(units) AND NOT bool_or(removed);
