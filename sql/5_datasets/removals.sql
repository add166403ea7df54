-- removals: one row per (class, filter): the images of the class that the filter took out.
-- reads: judged_images
-- kept is not a filter but what is left.
SELECT
    class,
    filter,
    CAST(count(*) AS BIGINT) AS images,
FROM judged_images
GROUP BY class, filter
ORDER BY class, filter;
