-- twins_within_split: one row per group of several patients' twin images in one split.
-- reads: audited, twin_members, fingerprints
SELECT
    twin_members.twin_group,
    min(audited.split) AS split,
    list_sort(list(DISTINCT audited.image_id)) AS images,
    CAST(count(DISTINCT audited.patient_id) AS BIGINT) AS patients,
FROM audited
INNER JOIN twin_members USING (image_id)
INNER JOIN fingerprints USING (image_id)
GROUP BY twin_members.twin_group
HAVING
    count(DISTINCT audited.split) = 1
    AND count(DISTINCT audited.patient_id) > 1
    AND count(DISTINCT fingerprints.file_digest) > 1
ORDER BY twin_members.twin_group;
