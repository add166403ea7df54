-- store_format: one row per store: its format, and the versions that write and read it.
-- The columns format, lowest_version and package_version are kept for good.
CREATE TABLE IF NOT EXISTS store_format (
    format INTEGER NOT NULL,
    lowest_version VARCHAR NOT NULL,
    package_version VARCHAR NOT NULL,
    state BIGINT NOT NULL,
    published_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE store_format IS
'one row per store: its format, and the versions that write and read it';
COMMENT ON COLUMN store_format.format IS 'number of the format';
COMMENT ON COLUMN store_format.lowest_version IS 'lowest version of cxr-duck that reads it';
COMMENT ON COLUMN store_format.package_version IS 'version of cxr-duck that wrote it last';
COMMENT ON COLUMN store_format.state IS
'how many states were published, of the data or of the record';
COMMENT ON COLUMN store_format.published_at IS 'when this state was published, UTC';
