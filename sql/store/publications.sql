-- publications: one row per state of the data that was published; the last one is in force.
CREATE TABLE IF NOT EXISTS publications (
    publication INTEGER PRIMARY KEY,
    created_at TIMESTAMP NOT NULL,
    action VARCHAR NOT NULL,
    package_version VARCHAR NOT NULL,
    duckdb_version VARCHAR NOT NULL,
    python_version VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    label_file VARCHAR NOT NULL,
    label_file_sha256 VARCHAR NOT NULL,
    images_folder VARCHAR,
    pure_terms BOOLEAN NOT NULL,
    added BIGINT NOT NULL,
    replaced BIGINT NOT NULL,
    removed BIGINT NOT NULL
);
COMMENT ON TABLE publications IS
'one row per state of the data that was published; the last one is in force';
COMMENT ON COLUMN publications.publication IS 'number of the publication, and of its data folder';
COMMENT ON COLUMN publications.created_at IS 'when it was made, UTC';
COMMENT ON COLUMN publications.action IS 'what made it: index, remove, compact, check or twins';
COMMENT ON COLUMN publications.package_version IS 'version of cxr-duck';
COMMENT ON COLUMN publications.duckdb_version IS 'version of DuckDB';
COMMENT ON COLUMN publications.python_version IS 'version of Python';
COMMENT ON COLUMN publications.source IS 'the repository: padchest';
COMMENT ON COLUMN publications.label_file IS 'name of the label file that was indexed last';
COMMENT ON COLUMN publications.label_file_sha256 IS 'SHA-256 of its bytes';
COMMENT ON COLUMN publications.images_folder IS 'folder given with --images, NULL where none was';
COMMENT ON COLUMN publications.pure_terms IS 'whether only images with one finding are indexed';
COMMENT ON COLUMN publications.added IS 'images that came in';
COMMENT ON COLUMN publications.replaced IS 'images that were there and got other content or a file';
COMMENT ON COLUMN publications.removed IS 'images that went';
