-- datasets: one row per recorded dataset, oldest first.
-- reads: experiments.dataset, experiments.experiment, experiments.members
WITH sizes AS (
    SELECT
        dataset,
        count(DISTINCT class) AS classes,
        count(DISTINCT image_id) FILTER (removed) AS removed,
    FROM experiments.members
    GROUP BY dataset
)

SELECT
    dataset.name,
    experiment.name AS experiment,
    CAST(sizes.classes AS BIGINT) AS classes,
    dataset.images,
    CAST(sizes.removed AS BIGINT) AS removed,
    dataset.seed,
    dataset.pure,
    dataset.hierarchy,
    dataset.digest,
    dataset.created_at,
FROM experiments.dataset
INNER JOIN experiments.experiment USING (experiment_id)
INNER JOIN sizes ON dataset.name = sizes.dataset
ORDER BY dataset.dataset_id;
