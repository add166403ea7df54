-- digest: one row: the SHA-256 of a dataset's members, a line each, in order.
-- reads: dataset_members
SELECT
    sha256(
        string_agg(
            concat_ws(chr(9), split, class, finding, image_id),
            chr(10)
            ORDER BY split, class, finding, image_id
        )
    ) AS digest,
FROM dataset_members;
