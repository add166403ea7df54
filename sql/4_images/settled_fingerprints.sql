-- settled_fingerprints: one row per reading of an image file that need not be made again.
-- reads: known_rows
-- A file that could not be read to its end is read again; so is a DICOM file without pixels, for
-- the library that decodes it may be there now.
SELECT
    image_id,
    path,
    bytes,
    modified,
FROM known_rows
WHERE
    pixel_digest IS NOT NULL
    OR coalesce(bytes, 0) = 0
    OR (file_digest IS NOT NULL AND NOT regexp_matches(lower(path), '\.(dcm|dicom)$'));
