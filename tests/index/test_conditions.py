"""Conditions on images: those that choose the same images again, and those that are refused."""

import duckdb
import pytest

from cxr_duck import ExperimentData
from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.errors import QueryError
from cxr_duck.index.conditions import choose_images
from cxr_duck.index.unstable_calls import BY_CALENDAR, PURE, UNSTABLE

STEADY = [
    "age + 1 >= 18",
    "age - 1 BETWEEN 17 AND 2 * 40",
    "year(study_date) > 2010",
    "YEAR(study_date) > 2010",
    '"year"(study_date) > 2010',
    "system.main.year(study_date) > 2010",
    "month(study_date) IN (1, 2) OR weekday(study_date) = 3",
    "extract(year FROM study_date) > 2010",
    "date_part('year', study_date) > 2010",
    "strftime(study_date, '%Y') > '2010'",
    "strptime('2014', '%Y') <= study_date",
    "date_trunc('month', study_date) = DATE '2014-01-01'",
    "date_diff('year', study_date, DATE '2020-01-01') < 8",
    "study_date + INTERVAL 1 YEAR > DATE '2014-01-01'",
    "study_date - DATE '2014-01-01' > 30",
    "last_day(study_date) = study_date",
    "age(study_date, DATE '2010-01-01') > INTERVAL 3 YEARS",
    "age(TIMESTAMP '2020-01-01', study_date::TIMESTAMP) > INTERVAL 3 YEARS",
    "time_bucket(INTERVAL 1 YEAR, study_date) = DATE '2014-01-01'",
    "list_contains(range(18, 80), age)",
    "age IN (FROM range(18, 80))",
    "len(list_filter(findings, lambda finding: finding LIKE 'n%')) > 0",
    "len([finding FOR finding IN findings IF finding = 'normal']) = 1",
    "age > (SELECT avg(age) FROM images)",
    "age >= ALL (SELECT age FROM images WHERE frontal)",
    "EXISTS (SELECT 1 FROM postings WHERE postings.image_id = images.image_id)",
    "image_id IN (WITH few AS (SELECT image_id FROM postings) SELECT image_id FROM few)",
    "image_id IN (SELECT image_id FROM images_of('normal'))",
    "image_id IN (SELECT image_id FROM images_of('nodule'))",
    "'nodule' IN (SELECT term FROM below('nodule'))",
    "image_id IN (SELECT image_id FROM experiments.members)",
    "image_id IN (SELECT image_id FROM cxr.main.images)",
    "age >= CASE WHEN sex = 'M' THEN 18 ELSE 16 END",
    "CASE WHEN age < 0 THEN error('born later') ELSE frontal END",
    "coalesce(sex, 'O') = 'F' AND nullif(age, 0) > 3",
    "regexp_matches(report, 'nod') AND sex SIMILAR TO '[MF]'",
    "md5(patient_id) < '8'",
    "hash(patient_id) % 2 = 0",
    "split_part(spatial_resolution::VARCHAR, '.', 1) <> '9'",
    "to_timestamp(age) < to_timestamp(99)",
    "epoch(to_timestamp(age)) > 18",
    "to_timestamp(age) AT TIME ZONE 'UTC' < TIMESTAMP '2020-01-01'",
    " OR ".join(f"patient_id = 'patient {number}'" for number in range(800)),
]

# What is called, of which a condition tells that it differs from time to time.
FROM_TIME_TO_TIME = [
    ("study_date < current_date", "current_date"),
    ("study_date < CURRENT_DATE", "current_date"),
    ("study_date < today()", "today"),
    ("study_date < now()", "now"),
    ("study_date < current_timestamp", "current_timestamp"),
    ("study_date < localtimestamp", "localtimestamp"),
    ("localtime > TIME '12:00'", "localtime"),
    ("current_time IS NULL", "current_time"),
    ("study_date < transaction_timestamp()", "transaction_timestamp"),
    ("study_date < get_current_timestamp()", "get_current_timestamp"),
    ("age(study_date) > INTERVAL 3 YEARS", "age"),
    ("age(study_date::TIMESTAMP) > INTERVAL 3 YEARS", "age"),
    ("year(study_date) > year(today())", "today"),
    ("age(DATE '2010-01-01') > INTERVAL 3 YEARS", "age"),
    ("year(study_date) > 1 + abs(year(today()))", "today"),
    ("study_date IN (SELECT current_date)", "current_date"),
    ("extract(year FROM current_date) - birth_year >= 18", "current_date"),
    ("current_user = 'me'", "current_user"),
    ("CURRENT_USER = 'me'", "current_user"),
    ("user = 'me'", "user"),
    ("session_user = 'me'", "session_user"),
    ("current_role() = 'me'", "current_role"),
    ("current_schema = 'main'", "current_schema"),
    ("current_schemas(true)[1] = 'main'", "current_schemas"),
    ("current_catalog = 'cxr'", "current_catalog"),
    ("in_search_path('cxr', 'main')", "in_search_path"),
    ("current_setting('TimeZone') = 'UTC'", "current_setting"),
    ("getvariable('sex') = sex", "getvariable"),
    ("GetVariable('sex') = sex", "getvariable"),
    ("current_query() = sex", "current_query"),
    ("txid_current() > 3", "txid_current"),
    ("version() > 'v1'", "version"),
    ("EXISTS (SELECT 1 FROM duckdb_settings() WHERE value = sex)", "duckdb_settings"),
    ("(SELECT library_version FROM pragma_version()) > 'v1'", "pragma_version"),
    ("random() < 0.5", "random"),
    ("RANDOM() < 0.5", "random"),
    ('"Random"() < 0.5', "random"),
    ("main.random() < 0.5", "random"),
    ("system.main.random() < 0.5", "random"),
    ("frontal AND (age > 3 OR NOT random() < 0.5)", "random"),
    ("age BETWEEN 3 AND 90 * random()", "random"),
    ("CASE WHEN random() < 0.5 THEN frontal END", "random"),
    ("age > list_transform([age], lambda years: years + random())[1]", "random"),
    ("age > [years + random() FOR years IN [age]][1]", "random"),
    ("image_id IN (SELECT image_id FROM images WHERE random() < 0.5)", "random"),
    ("3 IN (WITH few AS (SELECT 3 FROM images WHERE random() < 1) FROM few)", "random"),
    ("EXISTS (SELECT 1 FROM postings JOIN images AS other ON random() < 0.5)", "random"),
    ("image_id IN (SELECT image_id FROM images ORDER BY random())", "random"),
    ("uuid()::VARCHAR < '8'", "uuid"),
    ("gen_random_uuid()::VARCHAR < '8'", "gen_random_uuid"),
    ("setseed(0.5) IS NULL", "setseed"),
    ("age > (SELECT reservoir_quantile(age, 0.5) FROM images)", "reservoir_quantile"),
    ("image_id IN (SELECT first(image_id) FROM images GROUP BY patient_id)", "first"),
    ("image_id IN (SELECT any_value(image_id) FROM images GROUP BY patient_id)", "any_value"),
    ("1 IN (SELECT row_number() OVER () FROM images)", "row_number"),
]  # fmt: skip

# Time stamps with a time zone, which a session reads in its own.
FROM_ZONE_TO_ZONE = [
    ("study_date::TIMESTAMPTZ > to_timestamp(0)", "casts DATE to TIMESTAMP WITH TIME ZONE"),
    ("study_date > to_timestamp(age)", "casts DATE to TIMESTAMP WITH TIME ZONE"),
    ("to_timestamp(age)::VARCHAR > '1970'", "casts TIMESTAMP WITH TIME ZONE to VARCHAR"),
    ("TIMESTAMPTZ '2014-01-01' > to_timestamp(age)", "casts VARCHAR to TIMESTAMP WITH TIME ZONE"),
    ("[to_timestamp(age)]::VARCHAR[] = ['x']", "casts TIMESTAMP WITH TIME ZONE to LIST"),
    ("year(to_timestamp(age)) = 1970", "calls year(TIMESTAMP WITH TIME ZONE)"),
    ("extract(hour FROM to_timestamp(age)) = 1", "calls "),
    ("strftime(to_timestamp(age), '%H') = '1'", "calls strftime(TIMESTAMP WITH TIME ZONE, VARCH"),
    ("to_timestamp(age) + INTERVAL 1 DAY > to_timestamp(9)", "calls +(TIMESTAMP WITH TIME ZONE,"),
    ("make_timestamptz(2014, 1, 1, 0, 0, 0.0) > to_timestamp(age)", "calls make_timestamptz("),
]


@pytest.mark.sampled
@pytest.mark.parametrize("where", STEADY)
def test_what_always_chooses_the_same_is_taken(odd_data: ExperimentData, where: str) -> None:
    """A function is taken where no argument that it has here lets its answer differ."""
    choose_images(odd_data.store.engine(), where)


@pytest.mark.sampled
@pytest.mark.parametrize(("where", "called"), FROM_TIME_TO_TIME)
def test_what_differs_from_time_to_time_is_refused(
    odd_data: ExperimentData, where: str, called: str
) -> None:
    """The clock, the session, chance and the order of rows, wherever in a condition they stand."""
    with pytest.raises(QueryError) as error:
        choose_images(odd_data.store.engine(), where)
    assert str(error.value) == (
        f"the condition calls {called}(), which differs from time to time: "
        "it must choose the same images again"
    )


@pytest.mark.sampled
@pytest.mark.parametrize(("where", "told"), FROM_ZONE_TO_ZONE)
def test_what_differs_from_time_zone_to_time_zone_is_refused(
    odd_data: ExperimentData, where: str, told: str
) -> None:
    """The same condition must choose the same images on a machine of another time zone."""
    with pytest.raises(QueryError, match="which differs from time zone to time zone") as error:
        choose_images(odd_data.store.engine(), where)
    assert str(error.value).startswith(f"the condition {told}")


def test_a_macro_is_looked_through() -> None:
    """What a user's own macro calls is called by the condition."""
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE images (image_id VARCHAR, age INTEGER)")
        connection.execute("CREATE MACRO lucky(years) AS years > 100 * random()")
        connection.execute("CREATE MACRO grown(years) AS years >= 18")
        engine = DuckDBEngine(connection)
        choose_images(engine, "grown(age)")
        with pytest.raises(QueryError, match=r"calls random\(\), which differs from time to time"):
            choose_images(engine, "lucky(age)")


def test_every_function_that_duckdb_calls_inconsistent_is_known() -> None:
    """A release of DuckDB that has another one is noticed here, not by a user."""
    rows = duckdb.sql(
        "SELECT DISTINCT function_name FROM duckdb_functions() "
        "WHERE function_type = 'scalar' AND stability = 'CONSISTENT_WITHIN_QUERY'"
    ).fetchall()
    known = UNSTABLE | BY_CALENDAR | PURE | {"make_timestamptz"}
    assert {name for (name,) in rows} - known == set()
