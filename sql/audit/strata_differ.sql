-- strata_differ: one row per (split, value) further from its share than a random draw would be.
-- reads: audited, image_strata
-- Values are those of the columns to stratify by. Three standard deviations of a binomial, and one
-- image, are what a draw of single images may be off.
WITH members AS (
    SELECT DISTINCT
        image_id,
        split,
    FROM audited
),

sizes AS (
    SELECT
        split,
        count(*) AS images,
    FROM members
    GROUP BY split
),

totals AS (
    SELECT sum(images) AS images
    FROM sizes
),

strata AS (
    SELECT
        image_strata.stratum,
        count(*) AS images,
    FROM members
    INNER JOIN image_strata USING (image_id)
    GROUP BY image_strata.stratum
),

found AS (
    SELECT
        members.split,
        image_strata.stratum,
        count(*) AS images,
    FROM members
    INNER JOIN image_strata USING (image_id)
    GROUP BY members.split, image_strata.stratum
),

shares AS (
    SELECT
        sizes.split,
        strata.stratum,
        coalesce(found.images, 0) AS images,
        strata.images AS all_images,
        sizes.images / totals.images AS share,
    FROM sizes
    CROSS JOIN strata
    CROSS JOIN totals
    LEFT JOIN found ON sizes.split = found.split AND strata.stratum = found.stratum
)

SELECT
    split,
    stratum,
    images,
    round(all_images * share, 2) AS expected,
FROM shares
WHERE abs(images - all_images * share) > 1 + 3 * sqrt(all_images * share * (1 - share))
ORDER BY split, stratum;
