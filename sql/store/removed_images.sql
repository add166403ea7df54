-- removed_images: one row per image that was removed from the store and stays out.
CREATE TABLE IF NOT EXISTS removed_images (
    source VARCHAR NOT NULL,
    image_id VARCHAR NOT NULL,
    patient_id VARCHAR,
    publication INTEGER NOT NULL
);
COMMENT ON TABLE removed_images IS
'one row per image that was removed from the store and stays out';
COMMENT ON COLUMN removed_images.source IS 'the repository: padchest';
COMMENT ON COLUMN removed_images.image_id IS 'the image';
COMMENT ON COLUMN removed_images.patient_id IS
'its patient where none of that patient''s images stayed: later ones stay out too';
COMMENT ON COLUMN removed_images.publication IS 'the publication that removed it';
