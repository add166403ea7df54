-- dataset_strata: one row per (class, stratum, split): the units of the finished dataset.
-- reads: sized_selection, unit_strata
SELECT
    unit_strata.class,
    unit_strata.stratum,
    sized_selection.split,
    CAST(count(DISTINCT sized_selection.unit_id) AS BIGINT) AS units,
FROM sized_selection
INNER JOIN unit_strata USING (unit_id)
GROUP BY unit_strata.class, unit_strata.stratum, sized_selection.split;
