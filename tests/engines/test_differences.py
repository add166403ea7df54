"""What Spark would answer otherwise without an error is found, and what is the same is let pass."""

import pytest

from cxr_duck.engines.translate.patterns import read_pattern
from cxr_duck.engines.translate.to_spark import relations_in, silent_differences, translated
from cxr_duck.errors import StageError

pytest.importorskip("sqlglot", reason="SQL is translated by sqlglot, which is not installed")

TYPES = {
    "image_id": "VARCHAR", "projection": "VARCHAR", "age": "INTEGER", "window_center": "DOUBLE",
    "study_date": "DATE", "frontal": "BOOLEAN", "findings": "VARCHAR[]", "report": "VARCHAR",
    "source_row": "BIGINT", "sizes": "DOUBLE[]",
}  # fmt: skip

SAME = [
    "age >= 18 AND projection IN ('PA', 'AP')",
    "frontal AND NOT age BETWEEN 20 AND 30",
    "study_date >= '2014-01-01' AND year(study_date) < 2016",
    "study_date < DATE '2016-02-29'",
    "list_contains(findings, 'nodule') OR array_length(findings) = 1",
    "report LIKE '%nodul%' AND report NOT LIKE 'a$_%' ESCAPE '$'",
    "trim(report) = '' AND length(trim(report)) < 5",
    "substr(image_id, 1, 4) = 'demo' AND left(image_id, 2) = 'de'",
    "regexp_matches(report, '^a.[b-d]+\\s*$')",
    "regexp_extract(image_id, '([0-9]+)-([0-9]+)', 2) = '1'",
    "age / 2 > 10 AND window_center / 2.0 > 1 AND age // 2 = 30 AND age % 2 = 1",
    "coalesce(age, 0) + 1 > 5 AND nullif(projection, 'L') IS NULL",
    "CASE WHEN age > 60 THEN frontal ELSE FALSE END",
    "concat(projection, age) <> 'PA60' AND projection || 'x' = 'PAx'",
    "CAST(age AS VARCHAR) = '60' AND CAST(age AS DOUBLE) > 1.5",
    "window_center > 0.5 AND abs(window_center) < 1e9 AND round(window_center) = 3",
    "array_to_string(list_sort(findings), ',') = 'a,b' AND CAST(findings[1] AS VARCHAR) = 'a'",
    "list_contains(list_transform(findings, lambda term: trim(term)), 'x')",
    "regexp_replace(report, 'a', 'b', 'g') = 'x'",
    "image_id IN (SELECT image_id FROM images WHERE age IS DISTINCT FROM 3)",
    "CAST(regexp_extract(image_id, '[0-9]+([.][0-9]+)?') AS DOUBLE) > 3",
    "string_split(report, ' ')[1] = 'a'",
    "count(*) FILTER (frontal) > 1",
]

DIFFERENT = [
    ("regexp_replace(report, 'a', 'b') = 'x'", "without 'g'"),
    ("regexp_replace(report, '(a)', '$1', 'g') = 'x'", r"\ or $"),
    ("regexp_matches(report, 'A', 'i')", "options"),
    ("regexp_matches(report, '(?i)a')", "(?…)"),
    ("regexp_matches(report, '\\bno')", r"\b"),
    ("regexp_matches(report, '[[:alpha:]]')", "[:…:]"),
    ("regexp_matches(report, '\\p{Greek}')", r"\p"),
    ("regexp_matches(report, projection)", "isn't written out"),
    ("report ~ 'a'", "~"),
    ("regexp_extract_all(report, 'a*') = []", "may match nothing"),
    ("regexp_extract_all(report, '(a)(b)?', 2) = []", "a group"),
    ("lower(projection) = 'pa'", "lower()"),
    ("upper(projection) = 'PA'", "upper()"),
    ("projection ILIKE 'pa'", "ILIKE"),
    (r"report LIKE '%\%'", "LIKE with a backslash"),
    ("report LIKE projection", "LIKE with a backslash"),
    ("substr(report, 0, 2) = 'a'", "substr()"),
    ("substr(report, -2) = 'a'", "substr()"),
    ("left(report, -1) = 'a'", "left()"),
    ("CAST(report AS DOUBLE) > 1", "1d or 1_000"),
    ("TRY_CAST(report AS DOUBLE) > 1", "1d or 1_000"),
    ("TRY_CAST(report AS INTEGER) > 1", "a fraction, or of a text"),
    ("CAST(window_center AS INTEGER) = 3", "a fraction, or of a text"),
    ("CAST(5.5 AS INTEGER) = age", "a fraction, or of a text"),
    ("report::DATE > study_date", "no YYYY-MM-DD"),
    ("CAST('2014' AS DATE) > study_date", "no YYYY-MM-DD"),
    ("CAST(report AS BOOLEAN)", "BOOLEAN of a text"),
    ("CAST(age AS DECIMAL(9, 2)) > 1", "DECIMAL"),
    ("CAST(window_center AS VARCHAR) = '1'", "a double as a text"),
    ("concat(window_center, 'x') = '1x'", "a double as a text"),
    ("window_center || 'x' = '1x'", "a double as a text"),
    ("CAST(sizes[1] AS VARCHAR) = '1.5'", "a double as a text"),
    ("array_to_string(sizes, ',') = '1.5'", "a double as a text"),
    ("array_to_string([1.5e0, 2e0], ',') = '1.5,2.0'", "a double as a text"),
    ("sum(sizes[1]) > 1", "sum of fractions"),
    ("EXISTS (SELECT * FROM (SELECT window_center AS w) WHERE w || 'x' = '1x')", "a fraction"),
    ("EXISTS (SELECT sum(w) AS s FROM (SELECT window_center AS w))", "sum of fractions"),
    ("CAST(findings AS VARCHAR) = '[a]'", "a list as a text"),
    ("study_date > '2014'", "compared with a date"),
    ("study_date IN ('2014-1-1')", "compared with a date"),
    ("window_center > '1d'", "compared with a number"),
    ("age = report", "compared with a number"),
    ("study_date - DATE '2014-01-01' > 3", "difference of dates"),
    ("1.0 / 3 > 0.33", "a division"),
    ("age / 2.0 > 0.33", "a division"),
    ("window_center // 2 = 1", "// of"),
    ("hash(report) = 1", "hash()"),
    ("mode(report) = 'a'", "mode()"),
    ("dayofweek(study_date) = 1", "which isn't known"),
    ("date_diff('month', study_date, DATE '2014-01-01') > 1", "which isn't known"),
    ("ln(age) > 1 OR log(age) > 1", "which isn't known"),
    ("levenshtein(report, 'a') > 1", "levenshtein()"),
    ("split_part(report, '', 1) = 'a'", "split_part() at"),
    ("string_split(report, '')[1] = 'a'", "''"),
    ("chr(256) = report", "chr()"),
    ("list(report ORDER BY age) = []", "list() with ORDER BY"),
    ("list(report) = []", "without list_sort()"),
    ("list_distinct(findings) = findings", "without list_sort()"),
    ("string_agg(report, ',') = 'a'", "without ORDER BY"),
    ("list_contains(['a', NULL], report)", "NULL"),
    ("list_transform(findings, lambda term, place: place) = [1]", "lambda with a place"),
    ("'a' = ANY(findings)", "ANY"),
    ("list_has_any(findings, ['a'])", "which isn't known"),
    ("avg(window_center) > 1", "avg()"),
    ("sum(window_center) > 1", "sum of fractions"),
    ("round(window_center, 1) = 0.5", "round()"),
    ("report COLLATE NOCASE = 'a'", "collate"),
    ("EXISTS (SELECT * FROM images QUALIFY row_number() OVER (ORDER BY age) = 1)", "QUALIFY"),
    ("EXISTS (SELECT postings.* FROM postings SEMI JOIN images USING (image_id))", "* with USING"),
    ("made_up_function(report)", "made_up_function()"),
]


@pytest.mark.parametrize("condition", SAME)
def test_what_is_the_same_passes(condition: str) -> None:
    """A condition that both engines answer alike is translated."""
    assert silent_differences(condition, TYPES) == []
    assert translated(condition, columns=TYPES)


@pytest.mark.parametrize(("condition", "told"), DIFFERENT)
def test_what_differs_is_told(condition: str, told: str) -> None:
    """A condition that Spark would answer otherwise is told in a few words, all of them its own."""
    found = silent_differences(condition, TYPES)
    assert [words for words in found if told in words], found


def test_a_cast_is_let_pass_where_the_text_was_tested() -> None:
    """A text is cast where a pattern says before that both engines read it alike."""
    tested = (
        "WITH tested AS (SELECT x, regexp_matches(x, '^([0-9 .,eE-]|[+][0-9.])*$') AS plain "
        "FROM texts) SELECT TRY_CAST(CASE WHEN {} THEN x END AS DOUBLE) AS number FROM tested"
    )
    assert silent_differences(tested.format("plain")) == []
    assert silent_differences(tested.format("length(x) < 5"))


def test_relations_get_their_names() -> None:
    """A relation that is no CTE is named anew, and still called by its name; parameters go on."""
    sql = (
        "WITH images AS (SELECT images.* FROM images WHERE dataset = $name) "
        "SELECT members.split FROM experiments.members INNER JOIN images USING (image_id) "
        "WHERE images.age > ?"
    )
    assert relations_in(sql) == {"images", "experiments.members"}
    assert translated(sql, lambda name: f"store.{name.replace('.', '_')}") == (
        "WITH images AS (SELECT images.* FROM `store`.`images` AS images WHERE dataset = :name) "
        "SELECT members.split FROM `store`.`experiments_members` AS members "
        "INNER JOIN images AS images USING (image_id) WHERE images.age > ?"
    )


@pytest.mark.parametrize(
    ("sql", "told"),
    [("SELECT FROM WHERE", "can't be read"), ("SELECT lower(x) FROM y", "otherwise: lower")],
)
def test_what_cannot_be_carried_is_one_sentence(sql: str, told: str) -> None:
    """Neither an unreadable text nor a silent difference gets past."""
    with pytest.raises(StageError, match=told) as error:
        translated(sql)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("pattern", "java"),
    [
        ("^a.b$", r"^a[^\n]b\z"), (r"\s[\s]", r"[\t\n\f\r ][\t\n\f\r ]"), ("[]a]", r"[\]a]"),
        ("[^[&]", r"[^\[\&]"), (r"\.\$\d\\", r"\.\$\d\\"), (r"\S", r"[^\t\n\f\r ]"),
    ],
)  # fmt: skip
def test_patterns_mean_to_java_what_they_mean_to_duckdb(pattern: str, java: str) -> None:
    """$ is the end and not before a line break, \\s has no vertical tab, classes don't nest."""
    assert read_pattern(pattern).java == java
    assert read_pattern(pattern).differs == []
