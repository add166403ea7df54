-- find_images: one row per image that a query holds for, such as find_images('nodule @ right').
-- reads: images, postings, terms, term_ancestors, publications, damaged_images
-- columns:
--   image_id    the image
--   patient_id  its patient
--   study_id    its study
--   projection  its projection
--   findings    all its findings
-- It reads findings and under(term), each @ places, joined by NOT, AND and OR; the hierarchy is
-- padchest. Fields and brackets are refused: `cxr find … --explain` prints the SQL for any query.
-- Each word and sign is a token, each token one letter by its kind, so that one regular expression
-- over the letters is the grammar. A clause is what stands between AND and OR, a group what stands
-- between OR; the parts of a clause are its finding, 0, and its places.
CREATE OR REPLACE MACRO find_images(query) AS TABLE
WITH asked AS (
    SELECT
        regexp_extract_all(
            coalesce(query, ''),
            '"(?:[^"]|"")*"|''(?:[^'']|'''')*''|[^\s()"''@,=<>!][^\s()"@,=<>!]*|\S'
        ) AS tokens,
),

lettered AS (
    SELECT
        tokens,
        list_transform(
            tokens,
            lambda token: CASE
                WHEN lower(token) = 'and' THEN 'A'
                WHEN lower(token) = 'or' THEN 'O'
                WHEN lower(token) = 'not' THEN 'N'
                WHEN lower(token) = 'under' THEN 'U'
                WHEN lower(token) IN ('in', 'is', 'null') THEN 'F'
                WHEN token IN ('=', '<', '>', '!', ',') THEN 'F'
                WHEN token IN ('(', ')', '@') THEN token
                WHEN token IN ('"', '''') THEN 'X'
                WHEN token[1] IN ('"', '''') THEN 'Q'
                ELSE 'W'
            END
        ) AS kinds,
    FROM asked
),

checked AS (
    SELECT
        tokens,
        CASE
            WHEN
                regexp_full_match(
                    array_to_string(kinds, ''),
                    'N*(U\((W+|Q)\)|W+|Q)(@(U\((W+|Q)\)|W+|Q))*'
                    || '([AO]N*(U\((W+|Q)\)|W+|Q)(@(U\((W+|Q)\)|W+|Q))*)*'
                )
                THEN kinds
            WHEN list_contains(kinds, 'F')
                THEN error(
                    'find_images knows no fields of images, only findings, under(term) and '
                    || '@ place with NOT, AND and OR: cxr find … --explain prints the SQL for any '
                    || 'query'
                )
            ELSE error(
                'find_images reads findings and under(term), each @ a place, joined by NOT, AND '
                || 'and OR without brackets: cxr find … --explain prints the SQL for any query'
            )
        END AS kinds,
    FROM lettered
),

places_in_text AS (
    SELECT
        tokens,
        kinds,
        unnest(range(1, array_length(tokens) + 1)) AS place,
    FROM checked
),

placed AS (
    SELECT
        place,
        tokens[place] AS token,
        kinds[place] AS kind,
        count(*) FILTER (WHERE kinds[place] = 'O') OVER through AS part_of_group,
        count(*) FILTER (WHERE kinds[place] IN ('A', 'O')) OVER through AS clause,
        count(*) FILTER (WHERE kinds[place] = '@') OVER through AS ats,
    FROM places_in_text
    WINDOW through AS (ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),

parts AS (
    SELECT
        part_of_group,
        clause,
        ats - min(ats) OVER (PARTITION BY clause) AS part,
        place,
        token,
        kind,
    FROM placed
),

names AS (
    SELECT
        clause,
        part,
        bool_or(kind = 'U') AS below,
        string_agg(
            trim(
                CASE
                    WHEN kind = 'Q'
                        THEN replace(token[2:-2], token[1] || token[1], token[1])
                    ELSE token
                END
            ),
            ' '
            ORDER BY place
        ) FILTER (WHERE kind IN ('W', 'Q')) AS name,
    FROM parts
    GROUP BY clause, part
),

clauses AS (
    SELECT
        part_of_group,
        clause,
        count(*) FILTER (WHERE kind = 'N') % 2 = 1 AS denied,
    FROM parts
    GROUP BY part_of_group, clause
),

indexed AS (
    SELECT DISTINCT finding
    FROM postings
),

covered AS (
    SELECT
        names.clause,
        indexed.finding,
    FROM names
    INNER JOIN indexed ON names.name = indexed.finding
    WHERE names.part = 0

    UNION

    SELECT
        names.clause,
        indexed.finding,
    FROM names
    INNER JOIN term_ancestors
        ON names.name = term_ancestors.ancestor AND term_ancestors.hierarchy = 'padchest'
    INNER JOIN indexed ON term_ancestors.descendant = indexed.finding
    WHERE names.part = 0 AND names.below
),

localizations_known AS (
    SELECT concat('loc ', term) AS localization
    FROM terms
    WHERE tree = 'localization'

    UNION

    SELECT unnest(localizations) AS localization
    FROM images
),

located AS (
    SELECT
        names.clause,
        names.part,
        localizations_known.localization,
    FROM names
    INNER JOIN localizations_known
        ON localizations_known.localization IN (names.name, concat('loc ', names.name))
    WHERE names.part > 0

    UNION

    SELECT
        names.clause,
        names.part,
        concat('loc ', term_ancestors.descendant) AS localization,
    FROM names
    INNER JOIN term_ancestors
        ON
            regexp_replace(names.name, '^loc ', '') = term_ancestors.ancestor
            AND term_ancestors.hierarchy = 'padchest'
    INNER JOIN terms
        ON
            term_ancestors.descendant = terms.term
            AND terms.hierarchy = 'padchest'
            AND terms.tree = 'localization'
    WHERE names.part > 0 AND names.below
),

findings_of_clauses AS (
    SELECT
        clause,
        list(finding ORDER BY finding) AS findings,
    FROM covered
    GROUP BY clause
),

places_of_clauses AS (
    SELECT
        clause,
        part,
        list(localization ORDER BY localization) AS localizations,
    FROM located
    GROUP BY clause, part
),

known_names AS (
    SELECT
        names.clause,
        names.part,
        CASE
            WHEN names.part = 0 AND findings_of_clauses.clause IS NULL
                THEN error(
                    concat(
                        'no image has the finding ''', names.name,
                        ''': cxr find says which are spelt like it'
                    )
                )
            WHEN names.part > 0 AND places_of_clauses.clause IS NULL
                THEN error(
                    concat(
                        'no image has a finding in the place ''', names.name,
                        ''': cxr find says which are spelt like it'
                    )
                )
            ELSE coalesce(places_of_clauses.localizations, findings_of_clauses.findings)
        END AS words,
    FROM names
    LEFT JOIN findings_of_clauses ON names.clause = findings_of_clauses.clause AND names.part = 0
    LEFT JOIN places_of_clauses
        ON names.clause = places_of_clauses.clause AND names.part = places_of_clauses.part
),

wanted AS (
    SELECT
        clauses.part_of_group,
        clauses.clause,
        clauses.denied,
        min(known_names.words) FILTER (WHERE known_names.part = 0) AS findings,
        list(known_names.words ORDER BY known_names.part)
            FILTER (WHERE known_names.part > 0) AS places,
    FROM clauses
    INNER JOIN known_names ON clauses.clause = known_names.clause
    GROUP BY clauses.part_of_group, clauses.clause, clauses.denied
),

wanted_findings AS (
    SELECT
        clause,
        unnest(findings) AS finding,
    FROM wanted
),

shown AS (
    SELECT DISTINCT
        wanted.part_of_group,
        wanted.clause,
        wanted.denied,
        postings.image_id,
    FROM postings
    INNER JOIN wanted_findings ON postings.finding = wanted_findings.finding
    INNER JOIN wanted ON wanted_findings.clause = wanted.clause
    WHERE
        coalesce(
            array_length(
                list_filter(
                    wanted.places,
                    lambda names_of_place: NOT coalesce(
                        list_has_any(postings.localizations, names_of_place), FALSE
                    )
                )
            ),
            0
        ) = 0
),

shown_in_groups AS (
    SELECT
        part_of_group,
        image_id,
        count(*) FILTER (WHERE NOT denied) AS held,
        count(*) FILTER (WHERE denied) AS broken,
    FROM shown
    GROUP BY part_of_group, image_id
),

groups_wanted AS (
    SELECT
        part_of_group,
        count(*) FILTER (WHERE NOT denied) AS clauses_to_hold,
    FROM wanted
    GROUP BY part_of_group
),

matching AS (
    SELECT images.image_id
    FROM images
    CROSS JOIN groups_wanted
    LEFT JOIN shown_in_groups
        ON
            images.image_id = shown_in_groups.image_id
            AND groups_wanted.part_of_group = shown_in_groups.part_of_group
    WHERE
        coalesce(shown_in_groups.held, 0) = groups_wanted.clauses_to_hold
        AND coalesce(shown_in_groups.broken, 0) = 0
        -- A pure index answers for images with exactly one finding.
        AND (
            array_length(images.findings) = 1
            OR NOT (SELECT arg_max(pure_terms, publication) FROM publications)
        )
)

SELECT
    images.image_id,
    images.patient_id,
    images.study_id,
    images.projection,
    images.findings,
FROM images
SEMI JOIN matching ON images.image_id = matching.image_id
ANTI JOIN damaged_images ON images.image_id = damaged_images.image_id
ORDER BY images.image_id;
