-- missing_file: one row per image whose file is not below the folder of images.
-- reads: audited, files
SELECT
    audited.image_id,
    list_sort(list(DISTINCT audited.split)) AS splits,
FROM audited
ANTI JOIN files USING (image_id)
WHERE audited.known
GROUP BY audited.image_id
ORDER BY audited.image_id;
