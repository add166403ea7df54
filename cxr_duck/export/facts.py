"""What an export tells of itself, on its card and in its metadata."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from cxr_duck.datasets import Dataset
from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.request import recipe_as_toml
from cxr_duck.store import Store

__all__ = ["CITATION", "LICENSE_URL", "ExportFacts", "export_facts"]

LICENSE_URL = "https://bimcv.cipf.es/bimcv-projects/padchest/"
CITATION = """@article{bustos2020padchest,
  title = {PadChest: A large chest x-ray image dataset with multi-label annotated reports},
  author = {Bustos, Aurelia and Pertusa, Antonio and Salinas, Jose-Maria and
            de la Iglesia-Vay{\\'a}, Maria},
  journal = {Medical Image Analysis},
  volume = {66},
  pages = {101797},
  year = {2020},
  doi = {10.1016/j.media.2020.101797}
}"""


@dataclass(frozen=True)
class ExportFacts:
    """What is known of an export.

    `recipe` is the TOML file that asks for the dataset again, `made_with` the versions that made
    it, `command` what wrote the export, `examples` the number of its images, each counted once for
    each of its classes. `files` has for each pattern of file names what they are, `left_out` the
    number of images of the dataset that are not there, by reason.
    """

    dataset: Dataset
    recipe: str
    made_with: str
    made_on: date
    form: str
    command: str
    examples: int
    files: Mapping[str, str]
    left_out: Mapping[str, int] = field(default_factory=dict)


def export_facts(
    store: Store,
    dataset: Dataset,
    form: str,
    command: str,
    examples: int,
    files: Mapping[str, str],
    left_out: Mapping[str, int],
) -> ExportFacts:
    """Return what is known of the export of a recorded dataset."""
    ((experiment, version, duckdb_version, made_at),) = DuckDBEngine(store.cursor()).fetch(
        "SELECT experiment.name, package_version, duckdb_version, dataset.created_at "
        "FROM experiments.dataset INNER JOIN experiments.experiment USING (experiment_id) "
        "WHERE dataset.name = ?",
        dataset.name,
    )
    gone = {"removed from the store": dataset.removed, **left_out}
    return ExportFacts(
        dataset=dataset,
        recipe=recipe_as_toml(dataset.recipe, dataset.name, experiment),
        made_with=f"cxr-duck {version}, DuckDB {duckdb_version}",
        made_on=made_at.date(),
        form=form,
        command=command,
        examples=examples,
        files=files,
        left_out={reason: images for reason, images in gone.items() if images},
    )
