"""What a lost or broken catalog is made again from: which files of a store still tell its state."""

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from cxr_duck.errors import StoreError
from cxr_duck.store.data_files import DataFile, changed_files, data_files
from cxr_duck.store.fitting_files import files_on_disk, fitting_files
from cxr_duck.store.format import FORMAT, read_format, refuse_later
from cxr_duck.store.local_folder import CATALOG
from cxr_duck.store.record_copy import RecordCopy, read_copies
from cxr_duck.store.relations import RELATIONS
from cxr_duck.store.store import Store
from cxr_duck.store.superseded import SUPERSEDED, paths_in, reading

__all__ = ["Plan", "plan_repair"]


@dataclass
class Plan:
    """What a new catalog is made from: a copy of the record, or an earlier catalog, or neither.

    `files` are the data files that it lists, `empty` the relations that have none of their own.
    """

    copy: RecordCopy | None = None
    earlier: Path | None = None
    files: list[DataFile] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    rebuilt: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    set_aside: list[str] = field(default_factory=list)


def plan_repair(store: Store) -> Plan:
    """Choose what the new catalog is made from.

    A file is only taken as it was written where anything tells its digest. Raises StoreError where
    nothing is there, or where a later version wrote the copy of the record.
    """
    plan = Plan()
    home = store.folder
    killed = {path.name for path in home.killed_writers()}
    copies, damaged = read_copies(store.path, home.copies())
    published = [copy for copy in copies if copy.working_copy not in killed]
    on_disk, unreadable = files_on_disk(store.path)
    if published:
        plan.copy = published[0]
        refuse_later(store.root, plan.copy.format)
        _tell_copy(plan, plan.copy)
        expected = _files_in_copy(plan.copy)
        changed = dict(changed_files(store.path, expected))
        found = [file for file in expected if file.path not in changed]
    else:
        plan.earlier = _earlier_catalog(store.path)
        _tell_no_copy(plan)
        expected, known = _told_by_catalog(plan.earlier)
        there = {file.path for file in on_disk}  # others went with the last change
        expected = [file for file in expected if file.path in there]
        changed = dict(changed_files(store.path, expected))
        found = [file for file in on_disk if file.path not in changed]
        if killed:
            found = _surely_published(plan, found, known)
    plan.files = fitting_files(store.path, found)
    if not any(file.relation == "images" for file in plan.files):
        raise StoreError(
            f"{store.root} can't be repaired: no sound Parquet file of images lies in data/; bring "
            "one back from a copy, or index the label files into a new folder"
        )
    plan.empty = [name for name in RELATIONS if all(file.relation != name for file in plan.files)]
    _tell_files(plan, changed, [file for file in expected if file.path in changed], found)
    if unreadable:
        plan.lost.append(f"what stood in data files that can't be read: {', '.join(unreadable)}")
    kept = {file.path for file in plan.files}
    kept |= _files_of_readers(store.path) - changed.keys() - set(unreadable)
    plan.set_aside += sorted({*_below_data(store.path)} - kept)
    mine = set() if plan.copy is None else {*plan.copy.images.values()}
    if plan.copy is not None and not plan.copy.lacking:
        mine.add(plan.copy.path)
    plan.set_aside += sorted({*(copy.path for copy in copies), *damaged} - mine)
    # Last: as long as they are here, they tell that the copies of their states are of none.
    plan.set_aside += sorted(p.name for p in store.path.glob(f".{CATALOG}.*") if p.is_file())
    return plan


def _below_data(store: Path) -> list[str]:
    """Return the paths of all files below data/, whatever they are."""
    files = (path for path in store.glob("data/**/*") if path.is_file())
    return [path.relative_to(store).as_posix() for path in files]


def _files_in_copy(copy: RecordCopy) -> list[DataFile]:
    with duckdb.connect() as connection:
        rows = connection.execute(
            "SELECT row.relation, row.path, row.publication, row.rows, row.bytes, row.sha256 "
            "FROM (SELECT unnest(listed_files) AS row FROM read_parquet(?)) ORDER BY row.path",
            [str(copy.file)],
        ).fetchall()
    return [DataFile(*row) for row in rows]


def _earlier_catalog(store: Path) -> Path | None:
    """Return the newest superseded catalog that can be read, whose state is one change behind."""
    for path in sorted((store / SUPERSEDED).glob("*.duckdb"), reverse=True):
        with suppress(duckdb.Error), reading(path) as connection:
            if read_format(connection).number <= FORMAT:
                connection.execute("SELECT count(exactness) FROM experiments.dataset").fetchall()
                return path
    return None


def _told_by_catalog(earlier: Path | None) -> tuple[list[DataFile], int | None]:
    """Return the data files of an earlier catalog, and its last publication."""
    if earlier is None:
        return [], None
    with reading(earlier) as connection:
        ((last,),) = connection.execute("SELECT max(publication) FROM publications").fetchall()
        return data_files(connection), last


def _surely_published(plan: Plan, found: list[DataFile], known: int | None) -> list[DataFile]:
    """Return the files but for those that a killed writer may have written and not published.

    With an earlier catalog, which is one change behind, these are those of a change after the next.
    """
    if not found:
        return []
    last = max(file.publication for file in found) if known is None else known + 2
    kept = [file for file in found if file.publication < last]
    if not kept or len(kept) == len(found):
        return found
    rows = sum(file.rows for file in found if file.publication >= last)
    plan.lost.append(
        f"{rows:,} rows in data files of a change that was ended early, which may have been "
        "published: index its label file again"
    )
    return kept


def _files_of_readers(store: Path) -> set[str]:
    """Return the data files of earlier states, which processes may have open."""
    paths: set[str] = set()
    for path in (store / SUPERSEDED).glob("*.duckdb"):
        with suppress(duckdb.Error):
            paths |= paths_in(path)
    return paths


def _tell_files(
    plan: Plan, changed: dict[str, str], damaged: list[DataFile], found: list[DataFile]
) -> None:
    """Tell what the data files make up, and for each relation what is lost and brings it back."""
    rows = {name: 0 for name in ("images", "postings", "rejects")}
    for file in plan.files:
        if file.relation in rows:
            rows[file.relation] += file.rows
    plan.rebuilt.append(
        ", ".join(f"{count:,} {name}" for name, count in rows.items())
        + f", of {len(plan.files):,} data files"
    )
    if plan.copy is not None:  # else files of other states lie there too
        damaged = damaged + [file for file in found if file not in plan.files]
    for name, relation in RELATIONS.items():
        gone = [file for file in damaged if file.relation == name]
        if gone or name in plan.empty:
            why = [f"{path}: {changed[path]}" for file in gone if (path := file.path) in changed]
            told = f" ({why[0]})" if why else ""
            plan.lost.append(
                f"{sum(file.rows for file in gone):,} {name}, in data files that are damaged or "
                f"fit no others{told}: {relation.brought_back_by}"
                if gone
                else f"all {name}, of which no data file is left: {relation.brought_back_by}"
            )


def _tell_copy(plan: Plan, copy: RecordCopy) -> None:
    kept = [name for number, name in copy.datasets.items() if number not in copy.lacking]
    plan.rebuilt.append(
        f"the record of state {copy.state:,} (publication {copy.publication:,}, "
        f"{copy.published_at} UTC, cxr-duck {copy.format.package_version}), from its copy: "
        f"{_datasets(kept)}"
    )
    for number, path in copy.lacking.items():
        plan.lost.append(
            f"the dataset {copy.datasets[number]}, whose images stood in {path}: bring that file "
            f"back before the repair; its recipe stands in {copy.path}, which is set aside"
        )


def _datasets(names: list[str]) -> str:
    count = "1 dataset" if len(names) == 1 else f"{len(names):,} datasets"
    return f"{count} ({', '.join(names)})" if names else "no dataset"


def _tell_no_copy(plan: Plan) -> None:
    if plan.earlier is not None:
        with reading(plan.earlier) as connection:
            names = connection.execute(
                "SELECT name FROM experiments.dataset ORDER BY dataset_id"
            ).fetchall()
        plan.rebuilt.append(
            "the record before the last change, from the catalog that was kept of it: "
            f"{_datasets([name for (name,) in names])}"
        )
        plan.lost.append(
            "the last change of the record: no copy of the record lies in the store; a dataset "
            "that was made last is missing, and one that was deleted last is there again"
        )
        return
    plan.lost += [
        "the record of datasets: no copy of it lies in the store",
        "the digests of the data files: nothing tells whether they are as they were written",
        "hierarchies of your own: give their CSV file again",
        "the history of publications, and the folder of the images: give --images again",
        "the list of removed images: a label file that names them takes them in again",
    ]
