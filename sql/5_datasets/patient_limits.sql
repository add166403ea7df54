-- patient_limits: one row per patient that not every split may take.
-- reads: class_members, images, known_patients
-- params: $physician_test = FALSE, $has_test = TRUE
-- first: only the first split may, since an image of the patient was not labelled by hand. last:
-- only the last one, since the patient is held out already. not last: the patient was trained on.
-- none: two of these hold, of a patient or of several who are dealt as one, or the patient is held
-- out already and no split here is the test.
WITH patients AS (
    SELECT
        class_members.patient_id,
        $physician_test
        AND bool_or(images.label_method IS DISTINCT FROM 'Physician') AS not_by_hand,
    FROM class_members
    INNER JOIN images USING (image_id)
    GROUP BY class_members.patient_id
)

SELECT
    patients.patient_id,
    CASE
        WHEN
            (NOT $has_test OR patients.not_by_hand OR coalesce(known_patients.trained_on, FALSE))
            AND coalesce(known_patients.held_out, FALSE)
            THEN 'none'
        WHEN patients.not_by_hand THEN 'first'
        WHEN known_patients.held_out THEN 'last'
        ELSE 'not last'
    END AS limit_to,
FROM patients
LEFT JOIN known_patients USING (patient_id)
WHERE
    patients.not_by_hand
    OR coalesce(known_patients.held_out, FALSE)
    OR ($has_test AND known_patients.patient_id IS NOT NULL);
