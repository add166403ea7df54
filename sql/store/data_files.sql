-- data_files: one row per Parquet file that the store's views read.
-- reads: listed_files, range
-- cxr-duck 0.5.0 and 0.6.0 know no number of a format. When they open a store they lock DuckDB's
-- settings and look at this view: it tells them the version to install. A version that reads this
-- format sets cxr_format; a DuckDB shell locks nothing.
CREATE OR REPLACE VIEW data_files AS
SELECT
    listed_files.relation,
    listed_files.path,
    listed_files.publication,
    listed_files.rows,
    listed_files.bytes,
    listed_files.sha256,
FROM listed_files
CROSS JOIN range(
    CASE
        WHEN current_setting('lock_configuration') AND getvariable('cxr_format') IS NULL
            THEN error(
                'cxr-duck 0.7.0 or later wrote this store: pip install ''cxr-duck>=0.7.0'''
            )
        ELSE 1
    END
) AS once;
COMMENT ON VIEW data_files IS 'one row per Parquet file that the views of the store read';
COMMENT ON COLUMN data_files.relation IS 'the view that reads it, such as images';
COMMENT ON COLUMN data_files.path IS 'where it lies, below the folder of the store';
COMMENT ON COLUMN data_files.publication IS 'the publication that wrote it';
COMMENT ON COLUMN data_files.rows IS 'its rows';
COMMENT ON COLUMN data_files.bytes IS 'its size';
COMMENT ON COLUMN data_files.sha256 IS 'SHA-256 of its bytes';
