"""Which stages Spark runs too: index, find, create, reproduce and check reach them."""

# Folders of sql/ whose stages Spark runs, but for those below.
ON_SPARK = (
    "1_sources", "2_index", "3_terms", "4_images", "5_datasets", "6_record", "store",
)  # fmt: skip
# Questions and look-ups that DuckDB alone answers, whichever engine made the store.
ON_DUCKDB_ALONE = {
    "balancing", "class_cells", "compared_compositions", "compared_images", "compared_patients",
    "conflicts", "datasets", "distinct_hashes", "drawn_combinations", "finding_cells",
    "finding_pairs", "fingerprints", "hashes_in_band", "image_check", "image_datasets",
    "image_labels", "image_relatives", "images_without_pixels", "matrix_images", "nearest_images",
    "observations", "pair_totals", "paired_images", "settled_fingerprints", "twin_counts",
    "twin_pairs", "twins", "twins_across_patients", "twins_in_splits",
}  # fmt: skip
