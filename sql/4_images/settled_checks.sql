-- settled_checks: one row per test of an image file that need not be made again.
-- reads: known_rows
-- params: $quick = FALSE
-- What kept a file from being read, a library that was not there, or too little memory, says
-- nothing of its bytes: it is tested again, and so is one of which only parts were read.
SELECT
    image_id,
    path,
    bytes,
    modified,
FROM known_rows
WHERE
    (whole OR $quick)
    AND (digest IS NOT NULL OR bytes IS NULL)
    AND coalesce(reason, '') NOT IN ('no decoder', 'too large');
