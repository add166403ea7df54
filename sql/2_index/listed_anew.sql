-- listed_anew: one row per file that the listing has and the store has not, or the other way.
-- reads: listing, refused_listing, stored_image_files, stored_refused_files
WITH found AS (
    SELECT
        image_id,
        path,
        concat_ws('|', folder, zip, bytes, modified) AS facts,
    FROM listing

    UNION ALL

    SELECT
        image_id,
        path,
        concat_ws('|', folder, reason) AS facts,
    FROM refused_listing
),

known AS (
    SELECT
        image_id,
        path,
        concat_ws('|', folder, zip, bytes, modified) AS facts,
    FROM stored_image_files

    UNION ALL

    SELECT
        image_id,
        path,
        concat_ws('|', folder, reason) AS facts,
    FROM stored_refused_files
),

gone AS (
    SELECT known.*
    FROM known

    EXCEPT ALL

    SELECT found.*
    FROM found
),

new AS (
    SELECT found.*
    FROM found

    EXCEPT ALL

    SELECT known.*
    FROM known
)

SELECT gone.path
FROM gone

UNION ALL

SELECT new.path
FROM new;
