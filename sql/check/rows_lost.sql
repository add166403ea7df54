-- rows_lost: one row per view of the store that has other rows than its files were written with.
-- reads: images, postings, rejects, data_files
WITH counted AS (
    SELECT
        'images' AS relation,
        count(*) AS rows_now,
    FROM images

    UNION ALL

    SELECT
        'postings' AS relation,
        count(*) AS rows_now,
    FROM postings

    UNION ALL

    SELECT
        'rejects' AS relation,
        count(*) AS rows_now,
    FROM rejects
),

written AS (
    SELECT
        relation,
        CAST(sum(rows) AS BIGINT) AS rows_then,
    FROM data_files
    GROUP BY relation
)

SELECT
    counted.relation,
    coalesce(written.rows_then, 0) AS rows_then,
    counted.rows_now,
FROM counted
LEFT JOIN written USING (relation)
WHERE counted.rows_now <> coalesce(written.rows_then, 0);
