-- excluded_image: one row per image that has what the recipe excludes.
-- reads: audited, excluded_images, images
SELECT
    audited.image_id,
    list_sort(list(DISTINCT audited.split)) AS splits,
    images.findings,
FROM audited
SEMI JOIN excluded_images USING (image_id)
INNER JOIN images USING (image_id)
GROUP BY audited.image_id, images.findings
ORDER BY audited.image_id;
