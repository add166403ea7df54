-- unseen_images: one row per image of a recipe's classes of which no twin was looked for.
-- reads: candidates, fingerprints
SELECT DISTINCT candidates.image_id
FROM candidates
ANTI JOIN fingerprints USING (image_id);
