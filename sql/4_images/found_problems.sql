-- found_problems: one row per image whose file was tested and is not ok.
-- reads: checks
SELECT
    image_id,
    path,
    verdict,
    reason,
    "offset",
    detail,
FROM checks
WHERE verdict <> 'ok'
ORDER BY verdict, reason, path, image_id;
