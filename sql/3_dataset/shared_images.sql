-- shared_images: one row per image that belongs to more than one class.
-- reads: candidates
SELECT image_id
FROM candidates
GROUP BY image_id
HAVING count(DISTINCT class) > 1;
