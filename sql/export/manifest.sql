-- manifest: one row per (split, class, image) of a recorded dataset that the store still has whole.
-- reads: recorded_members, images, postings, damaged_images
-- columns:
--   split                     the split
--   class                     the class
--   image_id                  the image
--   patient_id                its patient
--   study_id                  its study
--   projection                PA, L, AP_horizontal, …
--   class_findings            the findings that make it one of the class, between them |
--   findings                  all findings of the image, between them |; NULL where it has none
--   localizations             the localizations of the image, between them |
--   localizations_by_finding  all findings of the image, each with its own localizations, as JSON
--   source_path               its file, below the folder of images; NULL where there is none
WITH located AS (
    SELECT
        image_id,
        CAST(
            to_json(
                map_from_entries(
                    list_sort(
                        list(
                            struct_pack(
                                finding := finding,
                                localizations := list_sort(localizations)
                            )
                        )
                    )
                )
            ) AS VARCHAR
        ) AS localizations_by_finding,
    FROM postings
    SEMI JOIN recorded_members USING (image_id)
    GROUP BY image_id
)

SELECT
    recorded_members.split,
    recorded_members.class,
    recorded_members.image_id,
    recorded_members.patient_id,
    images.study_id,
    images.projection,
    string_agg(recorded_members.finding, '|' ORDER BY recorded_members.finding) AS class_findings,
    nullif(array_to_string(list_sort(images.findings), '|'), '') AS findings,
    nullif(array_to_string(images.localizations, '|'), '') AS localizations,
    coalesce(located.localizations_by_finding, '{}') AS localizations_by_finding,
    images.path AS source_path,
FROM recorded_members
INNER JOIN images USING (image_id)
LEFT JOIN located USING (image_id)
ANTI JOIN damaged_images USING (image_id)
GROUP BY ALL
ORDER BY split, class, image_id;
