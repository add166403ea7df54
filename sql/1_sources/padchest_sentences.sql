-- sentences: one row per record: the findings and localizations of each sentence of its report.
-- reads: records
-- columns:
--   row            number of the record in the label file
--   image_id       the image
--   findings       its findings
--   localizations  all its localizations
--   terms          the terms of its sentences, each between two chr(31)
--   located        the same for each sentence that has a localization
-- Physicians' rows have a list for each sentence. The network's rows have one list, which lost the
-- borders; but in it a finding that goes on with a sentence has a blank before it, a localization
-- belongs to the sentence that it stands in, and any other finding begins a new sentence.
WITH forms AS (
    SELECT
        row,
        image_id,
        findings,
        localizations,
        sentences,
        sentences_plain AND starts_with(sentences, '[''') AS flat,
        sentences_plain AND starts_with(sentences, '[[') AS nested,
    FROM records
),

texts AS (
    SELECT
        row,
        image_id,
        findings,
        localizations,
        sentences,
        concat(
            chr(31),
            CASE
                WHEN flat
                    THEN replace(
                        replace(
                            replace(
                                substr(sentences, 3, length(sentences) - 4),
                                ''', '' ',
                                concat(chr(31), ' ')
                            ),
                            ''', ''loc ',
                            concat(chr(31), 'loc ')
                        ),
                        ''', ''',
                        concat(chr(31), chr(30), chr(31))
                    )
                WHEN nested
                    THEN replace(
                        replace(
                            substr(sentences, 4, length(sentences) - 6),
                            '''], [''',
                            concat(chr(31), chr(30), chr(31))
                        ),
                        ''', ''',
                        chr(31)
                    )
                WHEN regexp_matches(sentences, '^\[\s*[''"]')
                    THEN array_to_string(
                        list_transform(
                            regexp_extract_all(sentences, '''[^'']*''|"[^"]*"', 0),
                            lambda quoted: CASE
                                WHEN regexp_matches(quoted, '^.( |loc )')
                                    THEN substr(quoted, 2, length(quoted) - 2)
                                ELSE concat(
                                    chr(30), chr(31), substr(quoted, 2, length(quoted) - 2)
                                )
                            END
                        ),
                        chr(31)
                    )
                ELSE array_to_string(
                    list_transform(
                        regexp_extract_all(sentences, '\[[^\[\]]*\]', 0),
                        lambda sentence: array_to_string(
                            list_transform(
                                regexp_extract_all(sentence, '''[^'']*''|"[^"]*"', 0),
                                lambda quoted: substr(quoted, 2, length(quoted) - 2)
                            ),
                            chr(31)
                        )
                    ),
                    concat(chr(31), chr(30), chr(31))
                )
            END,
            chr(31)
        ) AS terms,
        -- What has sides, or more than one blank to trim.
        contains(sentences, ' side')
            OR contains(sentences, '  ')
            OR (
                contains(sentences, ' bilateral')
                AND regexp_matches(
                    sentences, '[''"]\s*([^l ]|l[^o]|lo[^c]|loc[^ ])[^''"]* bilateral\s*[''"]'
                )
            ) AS odd,
    FROM forms
),

trimmed AS (
    SELECT
        row,
        image_id,
        findings,
        localizations,
        replace(replace(terms, concat(' ', chr(31)), chr(31)), concat(chr(31), ' '), chr(31))
            AS terms,
        odd,
    FROM texts
),

parted AS (
    -- A finding that is said with a side, which Labels has without it; chr(31) between the two.
    SELECT
        row,
        image_id,
        findings,
        localizations,
        terms,
        CASE
            WHEN odd
                THEN list_transform(
                    list_transform(string_split(terms, chr(31)), lambda term: trim(term)),
                    lambda term: CASE
                        WHEN starts_with(term, 'loc ') OR list_contains(findings, term)
                            THEN term
                        WHEN ends_with(term, ' left side')
                            THEN concat(substr(term, 1, length(term) - 10), chr(31), 'loc left')
                        WHEN ends_with(term, ' right side')
                            THEN concat(substr(term, 1, length(term) - 11), chr(31), 'loc right')
                        WHEN regexp_matches(term, ' (both sides?|bilateral)$')
                            THEN concat(
                                regexp_extract(term, '^(.*) (both sides?|bilateral)$', 1),
                                chr(31),
                                'loc bilateral'
                            )
                        ELSE term
                    END
                )
        END AS parts,
    FROM trimmed
),

sided AS (
    -- The side is that finding's alone: it stands in a sentence of its own beside.
    SELECT
        row,
        image_id,
        findings,
        localizations,
        CASE
            WHEN parts IS NULL THEN terms
            ELSE concat(
                array_to_string(
                    list_transform(parts, lambda part: string_split(part, chr(31))[1]), chr(31)
                ),
                array_to_string(
                    list_transform(
                        list_filter(parts, lambda part: contains(part, chr(31))),
                        lambda part: concat(chr(30), chr(31), part, chr(31))
                    ),
                    ''
                )
            )
        END AS terms,
    FROM parted
)

SELECT
    row,
    image_id,
    findings,
    localizations,
    terms,
    CASE
        WHEN contains(terms, concat(chr(31), 'loc '))
            THEN list_filter(
                string_split(terms, chr(30)),
                lambda sentence: contains(sentence, concat(chr(31), 'loc '))
            )
        ELSE []
    END AS located,
FROM sided;
