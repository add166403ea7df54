-- damaged_file: one row per image whose file can't be decoded whole.
-- reads: audited, damaged
SELECT
    audited.image_id,
    list_sort(list(DISTINCT audited.split)) AS splits,
    damaged.path,
    damaged.problem,
FROM audited
INNER JOIN damaged USING (image_id)
GROUP BY audited.image_id, damaged.path, damaged.problem
ORDER BY audited.image_id;
