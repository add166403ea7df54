-- image_check: one row per test of the file that an image has.
-- reads: checks, images
-- params: $image_id = 'demo_0000007_01-001-009.png'
SELECT
    checks.verdict,
    checks.reason,
    checks.detail,
    checks."offset",
    checks.whole,
FROM checks
INNER JOIN images
    ON
        checks.image_id = images.image_id
        AND checks.path IS NOT DISTINCT FROM images.path
WHERE images.image_id = $image_id;
