-- differences: one row per (class, finding, image) that a dataset made again has otherwise.
-- reads: recorded_members, dataset_members
SELECT
    coalesce(recorded_members.class, dataset_members.class) AS class,
    coalesce(recorded_members.finding, dataset_members.finding) AS finding,
    coalesce(recorded_members.image_id, dataset_members.image_id) AS image_id,
    recorded_members.split AS recorded_split,
    dataset_members.split AS made_split,
FROM recorded_members
FULL OUTER JOIN dataset_members USING (class, finding, image_id)
WHERE recorded_members.split IS DISTINCT FROM dataset_members.split
ORDER BY class, finding, image_id;
