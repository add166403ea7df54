-- digest_differs: one row per dataset whose members are not those that its digest was taken over.
-- reads: experiments.dataset, experiments.members
WITH taken AS (
    SELECT
        dataset,
        sha256(
            string_agg(
                concat_ws(chr(9), split, class, finding, image_id),
                chr(10)
                ORDER BY split, class, finding, image_id
            )
        ) AS digest,
    FROM experiments.members
    GROUP BY dataset
)

SELECT
    dataset.name,
    dataset.digest AS recorded_digest,
    taken.digest AS digest_now,
FROM experiments.dataset
LEFT JOIN taken ON dataset.name = taken.dataset
WHERE dataset.digest IS DISTINCT FROM taken.digest;
