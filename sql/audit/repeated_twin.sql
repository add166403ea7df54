-- repeated_twin: one row per group of twin images of which more than one is there.
-- reads: audited, twin_members
SELECT
    twin_members.twin_group,
    list_sort(list(DISTINCT audited.image_id)) AS images,
    list_sort(list(DISTINCT audited.split)) AS splits,
FROM audited
INNER JOIN twin_members USING (image_id)
GROUP BY twin_members.twin_group
HAVING count(DISTINCT audited.image_id) > 1
ORDER BY twin_members.twin_group;
