-- several_findings: one row per image that has not exactly one finding.
-- reads: audited, images
SELECT
    audited.image_id,
    list_sort(list(DISTINCT audited.split)) AS splits,
    images.findings,
FROM audited
INNER JOIN images USING (image_id)
WHERE coalesce(array_length(images.findings), 0) <> 1
GROUP BY audited.image_id, images.findings
ORDER BY audited.image_id;
