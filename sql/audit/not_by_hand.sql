-- not_by_hand: one row per image after the first split that nobody labelled by hand.
-- reads: audited, images
-- params: $first_split = 'train'
SELECT DISTINCT
    audited.image_id,
    audited.split,
    images.label_method,
FROM audited
INNER JOIN images USING (image_id)
WHERE
    audited.split <> $first_split
    AND images.label_method IS DISTINCT FROM 'Physician'
ORDER BY audited.image_id, audited.split;
