-- no_image_files: one row per image file of a store for which nobody looked for files: none.
SELECT
    CAST(NULL AS VARCHAR) AS image_id,
    CAST(NULL AS VARCHAR) AS folder,
    CAST(NULL AS VARCHAR) AS zip,
    CAST(NULL AS VARCHAR) AS path,
    CAST(NULL AS BIGINT) AS bytes,
    CAST(NULL AS BIGINT) AS modified,
WHERE FALSE;
