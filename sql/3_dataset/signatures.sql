-- signatures: one row per patient: what the patient would bring to a split.
-- reads: patient_cells
-- The separators are characters that no term holds (ASCII unit and record separator).
-- Patients with the same number of images in each (class, finding) are exchangeable, so they are
-- allocated together: a few hundred signatures stand for a hundred thousand patients.
SELECT
    patient_id,
    string_agg(
        concat_ws(chr(31), class, finding, images), chr(30) ORDER BY class, finding
    ) AS signature,
FROM patient_cells
GROUP BY patient_id;
