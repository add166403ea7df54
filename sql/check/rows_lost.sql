-- rows_lost: one row per published table that has other rows than its publication counted.
-- reads: images, rejects, publications
WITH counted AS (
    SELECT
        'images' AS relation,
        count(*) AS rows_now,
    FROM images

    UNION ALL

    SELECT
        'rejects' AS relation,
        count(*) AS rows_now,
    FROM rejects
),

latest AS (
    SELECT max(publication) AS publication
    FROM publications
),

published AS (
    SELECT
        'images' AS relation,
        publications.images AS rows_then,
    FROM publications
    SEMI JOIN latest USING (publication)

    UNION ALL

    SELECT
        'rejects' AS relation,
        publications.rejects AS rows_then,
    FROM publications
    SEMI JOIN latest USING (publication)
)

SELECT
    counted.relation,
    published.rows_then,
    counted.rows_now,
FROM counted
INNER JOIN published USING (relation)
WHERE counted.rows_now <> published.rows_then;
