-- normal_with_finding: one row per image that is normal or excluded beside something else.
-- reads: images
-- PadChest's rule: exclude gives way to any label, normal to any but exclude.
SELECT
    image_id,
    findings,
FROM images
WHERE
    array_length(findings) > 1
    AND (list_contains(findings, 'normal') OR list_contains(findings, 'exclude'));
