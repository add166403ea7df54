-- no_refused_files: one row per refused file of a store for which nobody looked for files: none.
SELECT
    CAST(NULL AS VARCHAR) AS image_id,
    CAST(NULL AS VARCHAR) AS folder,
    CAST(NULL AS VARCHAR) AS path,
    CAST(NULL AS VARCHAR) AS reason,
WHERE FALSE;
