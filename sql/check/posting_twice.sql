-- posting_twice: one row per (finding, image) that stands in postings more than once.
-- reads: postings
SELECT
    finding,
    image_id,
    count(*) AS times,
FROM postings
GROUP BY finding, image_id
HAVING count(*) > 1;
