-- known_digests: one row per file of a split that was read for twins before: what it was then.
-- reads: files, fingerprints
SELECT
    fingerprints.path,
    fingerprints.bytes,
    fingerprints.modified,
    fingerprints.file_digest,
FROM fingerprints
INNER JOIN files
    ON fingerprints.image_id = files.image_id AND fingerprints.path = files.path
WHERE fingerprints.file_digest IS NOT NULL
ORDER BY fingerprints.path;
