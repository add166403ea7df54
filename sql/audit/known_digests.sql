-- known_digests: one row per file of a split that was read before: what its bytes came to then.
-- reads: files, checks, fingerprints
WITH known AS (
    SELECT
        image_id,
        path,
        bytes,
        modified,
        digest,
    FROM checks

    UNION

    SELECT
        image_id,
        path,
        bytes,
        modified,
        file_digest AS digest,
    FROM fingerprints
)

SELECT
    known.path,
    known.bytes,
    known.modified,
    known.digest,
FROM known
INNER JOIN files ON known.image_id = files.image_id AND known.path = files.path
WHERE known.digest IS NOT NULL
ORDER BY known.path, known.bytes, known.modified, known.digest;
