-- record_files: one row per Parquet file of the copy of the record beside the catalog.
CREATE TABLE IF NOT EXISTS record_files (
    path VARCHAR NOT NULL UNIQUE,
    dataset_id INTEGER,
    rows BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    sha256 VARCHAR NOT NULL
);
COMMENT ON TABLE record_files IS
'one row per Parquet file of the copy of the record, which cxr repair goes by';
COMMENT ON COLUMN record_files.path IS 'where it lies, below the folder of the store';
COMMENT ON COLUMN record_files.dataset_id IS
'the dataset whose images it has; NULL for the file with all else, which has a list a table';
COMMENT ON COLUMN record_files.rows IS 'its rows';
COMMENT ON COLUMN record_files.bytes IS 'its size';
COMMENT ON COLUMN record_files.sha256 IS 'SHA-256 of its bytes';
