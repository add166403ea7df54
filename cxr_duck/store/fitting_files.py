"""Which Parquet files of a store's folder fit together, where no catalog lists them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from cxr_duck.engines.sql_text import quoted
from cxr_duck.io.digest import sha256_of
from cxr_duck.store.data_files import DataFile
from cxr_duck.store.relations import RELATIONS

__all__ = ["add_publications", "files_on_disk", "fitting_files"]

# Relations whose files add up, and what no two of their files have in common. Of the others the
# newest publication has all rows.
_KEYS = {"images": "image_id", "postings": "image_id", "rejects": "(file, row)"}


def files_on_disk(store: Path) -> tuple[list[DataFile], list[str]]:
    """Return the data files of a store's folder, and the paths of those that can't be read."""
    found, unreadable = [], []
    with duckdb.connect() as connection:
        for file in sorted(store.glob("data/[0-9]*/*.parquet")):
            path = file.relative_to(store).as_posix()
            relation = file.stem.rpartition("-")[0]
            if relation not in RELATIONS or not file.parent.name[:6].isdigit():
                continue
            try:
                ((rows,),) = connection.execute(
                    f"SELECT count(*) FILTER (WHERE hash(row) IS NOT NULL) "
                    f"FROM read_parquet({quoted(file)}) AS row"
                ).fetchall()
                digest = sha256_of(file)
            except (OSError, duckdb.Error):
                unreadable.append(path)
                continue
            number = int(file.parent.name.partition("-")[0])
            found.append(DataFile(relation, path, number, rows, file.stat().st_size, digest))
    return found, unreadable


def fitting_files(store: Path, found: Iterable[DataFile]) -> list[DataFile]:
    """Return the files of the newest state that some files make up.

    A change writes files anew that lose rows or are merged: of files with rows in common the newest
    is taken. Postings without their images are left out, and images without theirs.
    """
    chosen: list[DataFile] = []
    newest = sorted(found, key=lambda file: (file.publication, file.path), reverse=True)
    with duckdb.connect() as connection:
        for relation in RELATIONS:
            files = [file for file in newest if file.relation == relation]
            if relation in _KEYS:
                chosen += _disjoint(connection, store, relation, files)
            elif files:
                chosen += [file for file in files if file.publication == files[0].publication]
        chosen = _matching(connection, store, chosen)
    return sorted(chosen, key=lambda file: file.path)


def _disjoint(
    connection: duckdb.DuckDBPyConnection, store: Path, relation: str, files: Sequence[DataFile]
) -> list[DataFile]:
    """Return the files of a relation, but for those that have rows of one that comes before."""
    chosen: list[DataFile] = []
    for file in files:
        common = 0
        if chosen:
            mine, taken = (
                f"SELECT {_KEYS[relation]} AS key FROM {_rows(store, some)}"
                for some in ([file], chosen)
            )
            ((common,),) = connection.execute(
                f"SELECT count(*) FROM ({mine}) AS mine SEMI JOIN ({taken}) AS others USING (key)"
            ).fetchall()
        if not common and (file.rows or file is files[-1]):
            chosen.append(file)
    return chosen


def _matching(
    connection: duckdb.DuckDBPyConnection, store: Path, chosen: list[DataFile]
) -> list[DataFile]:
    """Return the files without those of images that lack postings, or the other way round."""
    while True:
        images = [file for file in chosen if file.relation == "images"]
        postings = [file for file in chosen if file.relation == "postings"]
        if not images or not postings:
            return [file for file in chosen if file not in (*images, *postings)]
        pure = _is_pure(connection, store, images, postings)
        for file in (*images, *postings):
            others = postings if file.relation == "images" else images
            wanted = f"SELECT image_id FROM {_rows(store, [file])}"
            if file.relation == "images":
                wanted += f" WHERE len(findings) {'= 1' if pure else '> 0'}"
            ((lacking,),) = connection.execute(
                f"SELECT count(*) FROM ({wanted}) ANTI JOIN {_rows(store, others)} USING (image_id)"
            ).fetchall()
            if lacking:
                chosen = [other for other in chosen if other is not file]
                break
        else:
            return chosen


def _is_pure(
    connection: duckdb.DuckDBPyConnection,
    store: Path,
    images: Sequence[DataFile],
    postings: Sequence[DataFile],
) -> bool:
    """Tell whether images with several findings have no postings, as with --pure."""
    ((several,),) = connection.execute(
        f"SELECT count(*) FROM (SELECT image_id FROM {_rows(store, images)} "
        f"WHERE len(findings) > 1) SEMI JOIN {_rows(store, postings)} USING (image_id)"
    ).fetchall()
    return not several


def _rows(store: Path, files: Sequence[DataFile]) -> str:
    listed = ", ".join(quoted(store / file.path) for file in files)
    return f"read_parquet([{listed}])"


def add_publications(
    catalog: duckdb.DuckDBPyConnection, store: Path, files: Sequence[DataFile]
) -> None:
    """Add the publications that wrote data files and that a catalog knows nothing of.

    What they did is not known: they count as an index run over the label file that the metadata of
    their files name.
    """
    images = [file for file in files if file.relation == "images"]
    postings = [file for file in files if file.relation == "postings"]
    with duckdb.connect() as connection:
        pure = _is_pure(connection, store, images, postings)
    known = {
        number for (number,) in catalog.execute("SELECT publication FROM publications").fetchall()
    }
    for number in sorted({file.publication for file in files} - known):
        mine = [file for file in files if file.publication == number]
        facts = dict(
            catalog.execute(
                "SELECT decode(key), decode(value) FROM parquet_kv_metadata(?)",
                [str(store / mine[-1].path)],
            ).fetchall()
        )
        changed = datetime.fromtimestamp((store / mine[-1].path).stat().st_mtime, UTC)
        added = sum(file.rows for file in mine if file.relation == "images")
        catalog.execute(
            "INSERT INTO publications VALUES (?, ?, 'index', ?, '', '', 'padchest', ?, ?, "
            "(SELECT arg_max(images_folder, publication) FROM publications), ?, ?, 0, 0)",
            [
                number,
                changed.replace(tzinfo=None),
                facts.get("cxr_duck_version", ""),
                facts.get("label_file", ""),
                facts.get("label_file_sha256", ""),
                pure,
                added,
            ],
        )
