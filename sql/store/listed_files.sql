-- listed_files: one row per Parquet file that the store's views read; data_files shows it.
CREATE TABLE IF NOT EXISTS listed_files (
    relation VARCHAR NOT NULL,
    path VARCHAR NOT NULL UNIQUE,
    publication INTEGER NOT NULL,
    rows BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    sha256 VARCHAR NOT NULL
);
COMMENT ON TABLE listed_files IS
'one row per Parquet file that the views of the store read; data_files shows it';
COMMENT ON COLUMN listed_files.relation IS 'the view that reads it, such as images';
COMMENT ON COLUMN listed_files.path IS 'where it lies, below the folder of the store';
COMMENT ON COLUMN listed_files.publication IS 'the publication that wrote it';
COMMENT ON COLUMN listed_files.rows IS 'its rows';
COMMENT ON COLUMN listed_files.bytes IS 'its size';
COMMENT ON COLUMN listed_files.sha256 IS 'SHA-256 of its bytes';
