-- postings: one row per (finding, image): the inverted index, I = {(a, {(i, R)})} in the paper.
-- reads: sentences, skipped_records
-- params: $pure_terms = FALSE
-- columns:
--   finding        the finding (a)
--   image_id       an image that shows it (i)
--   localizations  where that finding lies in that image (R): loc right, …
--   known_by       sentence: they are said in the sentences of the report that name the finding;
--                  image: no sentence names it, and they are all localizations of the image
-- A sentence's normal makes no posting; but of an image that is normal it says what was looked at.
-- Pure terms: only images with exactly one finding (paper, create_index).
WITH said AS (
    SELECT
        unnest(findings) AS finding,
        image_id,
        localizations,
        terms,
        located,
    FROM sentences
    ANTI JOIN skipped_records USING (row)
    WHERE NOT $pure_terms OR array_length(findings) = 1
),

named AS (
    SELECT
        finding,
        image_id,
        localizations,
        concat(chr(31), finding, chr(31)) AS name,
        contains(terms, concat(chr(31), finding, chr(31))) AS named,
        located,
    FROM said
),

regions AS (
    SELECT
        finding,
        image_id,
        CASE
            WHEN NOT coalesce(named, FALSE) THEN localizations
            WHEN array_length(located) > 0
                THEN list_filter(
                    string_split(
                        coalesce(
                            array_to_string(
                                list_filter(located, lambda sentence: contains(sentence, name)),
                                ''
                            ),
                            ''
                        ),
                        chr(31)
                    ),
                    lambda term: starts_with(term, 'loc ')
                )
            ELSE []
        END AS localizations,
        CASE WHEN named THEN 'sentence' ELSE 'image' END AS known_by,
    FROM named
)

SELECT
    finding,
    image_id,
    CASE
        WHEN array_length(localizations) > 1 THEN list_sort(list_distinct(localizations))
        ELSE localizations
    END AS localizations,
    known_by,
FROM regions;
