-- shuffled: one row per example of an export, split by split, in an order by chance within each.
-- reads: examples, split_order
-- params: $seed = 1
-- Whoever reads such files from front to end meets the classes mixed.
SELECT examples.*,
FROM examples
LEFT JOIN split_order USING (split)
ORDER BY
    split_order.position,
    split,
    md5(concat($seed, '|export|', image_id, '|', class)),
    image_id,
    class;
