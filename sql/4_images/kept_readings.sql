-- kept_readings: one row per row of a file of readings that the listing bears out, in their order.
-- reads: data_file, listing
-- What was read of a file says nothing of another one that lies in its place.
SELECT data_file.*
FROM data_file
LEFT JOIN listing ON data_file.image_id = listing.image_id AND data_file.path = listing.path
WHERE
    data_file.path IS NULL
    OR (data_file.bytes = listing.bytes AND data_file.modified = listing.modified);
