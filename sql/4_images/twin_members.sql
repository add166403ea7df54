-- twin_members: one row per image that has a twin, with its group.
-- reads: twins
-- columns:
--   image_id    the image
--   twin_group  the first image of all that hang together with it by pairs
-- Images without a picture, all of whose pixels are the same, are twins of nobody.
SELECT
    image_id,
    twin_group,
FROM twins
WHERE kind <> 'constant'

UNION

SELECT
    twin_id AS image_id,
    twin_group,
FROM twins
WHERE kind <> 'constant';
