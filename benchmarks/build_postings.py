"""Build the posting table of a store anew, from its images, and leave it in a folder.

    python -m benchmarks.build_postings STORE FOLDER

This is what `cxr index` does after a label file was read, in the same blocks and with the same
stages: sentences are told apart, findings get their localizations, and postings are sorted and
written.
"""

import sys
from pathlib import Path

from cxr_duck.engines.duckdb import DuckDBEngine, connect
from cxr_duck.engines.sql_text import quoted
from cxr_duck.sources.padchest import PADCHEST
from cxr_duck.store.data_files import data_files, layout_of
from cxr_duck.store.store import Store


def main() -> None:
    """Build."""
    store, folder = Store(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir()
    connection = connect(temp_directory=str(folder / "spill"))
    engine = DuckDBEngine(connection, keep=True)
    files = data_files(store.cursor(), "images")
    engine.read_files("images", store.path, [file.path for file in files])
    engine.number_findings("SELECT DISTINCT unnest(findings) FROM images")
    engine.put("skipped_records", "row BIGINT", [])
    layout = layout_of("postings", 2 * sum(file.rows for file in files), {})
    for number, file in enumerate(files, start=1):
        connection.execute(
            "CREATE OR REPLACE VIEW records AS SELECT file_row_number AS row, *, "
            "NOT contains(sentences, '\"') AS sentences_plain FROM "
            f"read_parquet({quoted(store.path / file.path)}, file_row_number = true)"
        )
        engine.define(PADCHEST.sentences)
        engine.write("postings", folder, f"postings-{number:04d}", layout, pure_terms=False)


if __name__ == "__main__":
    main()
