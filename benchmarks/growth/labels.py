"""Label files of many times the size of one that is given."""

import shutil
from pathlib import Path

import duckdb

__all__ = ["RARE", "make_labels"]

RARE = "benchmark finding"  # of 50 images, whatever the size


def make_labels(
    labels: Path, target: Path, times: int, copy: str = "", rows: int | None = None
) -> int:
    """Write a label file that has each row of another so many times, as images of their own.

    Every image, study and patient gets a name of its own in each copy, so that findings,
    localizations and the images of a patient are distributed as they were. The reports' text is
    left out: nothing is made of it. Returns the number of rows.
    """
    spill = target.with_suffix(".spill")
    connection = duckdb.connect(config={"temp_directory": str(spill)})
    limit = "" if rows is None else f"LIMIT {rows}"
    source = f"read_csv('{labels}', all_varchar = true, nullstr = ['nan', ''])"
    connection.execute(
        'CREATE TABLE rows AS SELECT * EXCLUDE ("Report", column00), column00 AS "Unnamed: 0" '
        f"FROM {source} {limit}"
    )
    connection.execute("SET preserve_insertion_order = false")
    ((written,),) = connection.execute(
        f"""
        COPY (
            SELECT * EXCLUDE (copy) REPLACE (
                concat(replace("ImageID", '.png', ''), '-{copy}', copies.copy, '.png') AS "ImageID",
                concat("PatientID", '{copy}', copies.copy) AS "PatientID",
                concat("StudyID", '{copy}', copies.copy) AS "StudyID",
                CASE
                    WHEN '{copy}' = '' AND copies.copy = 0 AND rows.rowid % 3000 = 7
                        AND rows.rowid < 150000
                        THEN concat('[''{RARE}'', ', substr("Labels", 2))
                    ELSE "Labels"
                END AS "Labels"
            )
            FROM range({times}) AS copies (copy)
            CROSS JOIN rows
        ) TO '{target}' (HEADER)
        """
    ).fetchall()
    connection.close()
    shutil.rmtree(spill, ignore_errors=True)
    return int(written)
