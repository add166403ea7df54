-- repeated_twins: one row per image of a recipe's classes in whose place a twin stays.
-- reads: class_members, images_excluded_by_rule, twin_members
-- params: $seed = 1
-- Of images that hang together as twins one stays, whatever its class, and chance says which.
WITH films AS (
    SELECT DISTINCT class_members.image_id
    FROM class_members
    ANTI JOIN images_excluded_by_rule USING (image_id)
),

ranked AS (
    SELECT
        films.image_id,
        row_number() OVER (
            PARTITION BY twin_members.twin_group
            ORDER BY md5(concat($seed, '|twins|', films.image_id)), films.image_id
        ) AS place,
    FROM films
    INNER JOIN twin_members USING (image_id)
)

SELECT image_id
FROM ranked
WHERE place > 1;
