"""Removes images from a store, from every view and every data file."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import duckdb

from cxr_duck.engines.duckdb import DuckDBEngine, working_engine
from cxr_duck.images.surveys.runs import forget_runs
from cxr_duck.index.conditions import choose_images
from cxr_duck.index.what_stays import keep_what_stays
from cxr_duck.progress import Progress
from cxr_duck.store.changes import Change, next_change, publish_change
from cxr_duck.store.data_files import DataWriter, show_files
from cxr_duck.store.publication import Publication
from cxr_duck.store.store import SPILL, Store

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Removal", "remove_images"]


@dataclass(frozen=True)
class Removal:
    """What is removed: images, their patients, refused rows that meet the condition as well, and
    how many of the images each dataset holds.

    `still_read` counts the older states of the store that other processes have open: their files
    stay on the disk until those have closed them and something is published again. `set_aside` are
    the folders in which `cxr repair` put files aside: what is removed may stand there too.
    """

    images: int
    patients: int
    rejects: int
    datasets: dict[str, int]
    still_read: int = 0
    set_aside: tuple[str, ...] = ()


def remove_images(
    store: Store, where: str, progress: Progress, *, dry_run: bool = False
) -> Removal:
    """Remove the images that meet a condition, from every view and every data file.

    Refused rows that name them go too. They stay out when their label file is indexed again, and so
    does every image of a patient none of whose images stays. Datasets that hold some keep their
    record, without the names of those patients. A dry run removes nothing. Raises QueryError where
    the condition can't be evaluated.
    """
    if dry_run:
        return _choose(store.duckdb(), where)
    with store.publishing() as publication:
        publication.forgetting = True
        change = next_change(publication, "remove")
        reading = store.duckdb()
        removal = _choose(reading, where)
        if not removal.images and not removal.rejects:
            publication.discarded = True
            return removal
        with working_engine(store.path / SPILL) as engine, progress.step("removing images"):
            chosen = {name: reading.arrow_of(f"chosen_{name}") for name in ("images", "rejects")}
            reading.connection.close()  # it has the state open whose files are to go
            _take_out(engine, publication, change, chosen)
        publish_change(publication, replace(change, removed=removal.images))
    forget_runs(store)
    return replace(
        removal, still_read=store.older_states_in_use(), set_aside=tuple(store.folder.set_aside())
    )


def _take_out(
    engine: DuckDBEngine,
    publication: Publication,
    change: Change,
    chosen: dict[str, "pyarrow.Table"],
) -> None:
    """Write the data files anew without what was chosen, and note what was removed."""
    for name, table in chosen.items():
        engine.put_arrow(f"gone_{name}", table)
    show_files(engine, publication, "images")
    engine.make("gone_patients")
    engine.fetch(
        "CREATE TABLE removed_texts AS SELECT image_id AS text FROM gone_images "
        "UNION SELECT patient_id FROM gone_patients"
    )
    noted = engine.connection.sql(
        "SELECT images.image_id, gone_patients.patient_id FROM images "
        "SEMI JOIN gone_images USING (image_id) LEFT JOIN gone_patients USING (patient_id) "
        "UNION SELECT coalesce(gone_rejects.image_id, ''), gone_rejects.patient_id "
        "FROM gone_rejects SEMI JOIN gone_patients USING (patient_id) ORDER BY ALL"
    ).to_arrow_table()
    writer = DataWriter(engine, publication, change.provenance)
    keep_what_stays(writer, engine, publication, lambda relation: relation.when_images_go)
    _note_removed(publication, change, noted)


def _note_removed(publication: Publication, change: Change, noted: "pyarrow.Table") -> None:
    """Note the images and patients that go, and take the patients' names out of the record."""
    catalog = publication.catalog
    catalog.register("noted", noted)
    catalog.execute(
        "INSERT INTO removed_images SELECT ?, image_id, patient_id, ? FROM noted",
        [change.source, publication.number],
    )
    # The record needs the images, whose digest it holds, but not who the patient was.
    catalog.execute(
        "UPDATE experiments.image SET patient_id = names.name FROM ("
        "SELECT patient_id, concat('removed-', ?, '-', row_number() OVER (ORDER BY patient_id)) "
        "AS name FROM (SELECT DISTINCT patient_id FROM noted WHERE patient_id IS NOT NULL)) "
        "AS names WHERE image.patient_id = names.patient_id",
        [publication.number],
    )
    catalog.unregister("noted")


def _choose(engine: DuckDBEngine, where: str) -> Removal:
    """Make chosen_images and chosen_rejects of what meets a condition; count what hangs on it."""
    choose_images(engine, where)
    ((images, patients),) = engine.fetch(
        "SELECT count(*), count(DISTINCT patient_id) FROM images "
        "SEMI JOIN chosen_images USING (image_id)"
    )
    condition = f"SELECT file, row, image_id, patient_id FROM rejects WHERE (\n{where}\n)"
    try:
        engine.connection.execute(f"CREATE OR REPLACE TEMP TABLE chosen_rejects AS {condition}")
    except duckdb.BinderException:  # it speaks of what a refused row has not
        engine.put(
            "chosen_rejects", "file VARCHAR, row BIGINT, image_id VARCHAR, patient_id VARCHAR", []
        )
    rejects = engine.scalar("SELECT count(*) FROM chosen_rejects")
    datasets = engine.fetch(
        "SELECT dataset, count(DISTINCT image_id) FROM experiments.members "
        "SEMI JOIN chosen_images USING (image_id) GROUP BY dataset ORDER BY dataset"
    )
    held = {name: int(count) for name, count in datasets}
    return Removal(int(images), int(patients), int(rejects), held)
