-- data_files: one row per Parquet file that the store's views read.
CREATE TABLE IF NOT EXISTS data_files (
    relation VARCHAR NOT NULL,
    path VARCHAR NOT NULL UNIQUE,
    publication INTEGER NOT NULL,
    rows BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    sha256 VARCHAR NOT NULL
);
COMMENT ON TABLE data_files IS 'one row per Parquet file that the views of the store read';
COMMENT ON COLUMN data_files.relation IS 'the view that reads it, such as images';
COMMENT ON COLUMN data_files.path IS 'where it lies, below the folder of the store';
COMMENT ON COLUMN data_files.publication IS 'the publication that wrote it';
COMMENT ON COLUMN data_files.rows IS 'its rows';
COMMENT ON COLUMN data_files.bytes IS 'its size';
COMMENT ON COLUMN data_files.sha256 IS 'SHA-256 of its bytes';
