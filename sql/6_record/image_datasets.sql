-- image_datasets: one row per recorded dataset that holds an image, by name.
-- reads: experiments.members
-- params: $image_id = 'demo_0000007_01-001-009.png'
-- columns:
--   dataset   name of the dataset
--   class     the class that the image is an example of
--   split     train, valid or test
--   findings  the findings for which it is in that class
SELECT
    dataset,
    class,
    split,
    list_sort(list(finding)) AS findings,
FROM experiments.members
WHERE image_id = $image_id
GROUP BY dataset, class, split
ORDER BY dataset, class;
