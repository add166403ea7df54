-- suspect_image: one row per image of a split all of whose pixels are the same: a blank film.
-- reads: compared_members, member_images, checks
-- What was found in a file says nothing of another one that the image has since.
SELECT
    member_images.image_id,
    list_sort(list(DISTINCT compared_members.split)) AS splits,
    member_images.path,
FROM checks
INNER JOIN member_images
    ON checks.image_id = member_images.image_id AND checks.path = member_images.path
INNER JOIN compared_members ON member_images.image_id = compared_members.image_id
WHERE checks.verdict = 'suspect'
GROUP BY member_images.image_id, member_images.path
ORDER BY member_images.image_id;
