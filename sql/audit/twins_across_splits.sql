-- twins_across_splits: one row per group of twin images with members in several splits.
-- reads: audited, twin_members, fingerprints
-- Where all of a group have the same file, identical_across_splits tells of it; and of one image in
-- several splits, image_in_two_splits.
SELECT
    twin_members.twin_group,
    list_sort(list(DISTINCT audited.image_id)) AS images,
    list_sort(list(DISTINCT audited.split)) AS splits,
    CAST(count(DISTINCT audited.patient_id) AS BIGINT) AS patients,
FROM audited
INNER JOIN twin_members USING (image_id)
INNER JOIN fingerprints USING (image_id)
GROUP BY twin_members.twin_group
HAVING count(DISTINCT audited.split) > 1 AND count(DISTINCT fingerprints.file_digest) > 1
ORDER BY twin_members.twin_group;
