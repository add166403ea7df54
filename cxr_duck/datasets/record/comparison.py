"""Compares two recorded datasets: their recipes, members, patients and compositions."""

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from cxr_duck.datasets.dataset import Dataset
from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.datasets.record.record import read_dataset_on
from cxr_duck.store.store import Store

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True)
class Comparison:
    """What is not the same in two datasets.

    `recipe` has the fields that differ with both values; a part of a mapping is named
    `field.part`, and absent parts are None. `counts` has the number of images by how they differ
    (see `sql/6_record/compared_images.sql`), and `images` those that do, by their ids. `patients`
    has the patients of each pair of splits, and `composition` the images a (class, finding).
    """

    first: Dataset
    second: Dataset
    recipe: dict[str, tuple[Any, Any]]
    counts: dict[str, int]
    images: "pyarrow.Table" = field(repr=False)
    patients: list[dict[str, Any]] = field(repr=False)
    composition: list[dict[str, Any]] = field(repr=False)

    @property
    def equal(self) -> bool:
        """Tell whether recipes and members are the same."""
        return not self.recipe and not self.images.num_rows

    @property
    def straddling(self) -> list[dict[str, Any]]:
        """The rows of `patients` in which the two splits are not of the same name."""
        return [row for row in self.patients if row["first_split"] != row["second_split"]]


def compare(store: Store, first: str, second: str) -> Comparison:
    """Compare two recorded datasets; DatasetError where the store lacks one of them."""
    engine = store.duckdb()
    datasets = read_dataset_on(engine, first), read_dataset_on(engine, second)
    engine.make("compared_images", first=first, second=second)
    counted = engine.fetch(
        "SELECT difference, count(*) FROM compared_images GROUP BY difference ORDER BY difference"
    )
    differing = "SELECT * FROM compared_images WHERE difference <> 'same' ORDER BY image_id"
    return Comparison(
        *datasets,
        recipe=_differing_fields(*(dataset.recipe for dataset in datasets)),
        counts={difference: int(images) for difference, images in counted},
        images=engine.connection.sql(differing).to_arrow_table(),
        patients=engine.arrow("compared_patients", first=first, second=second).to_pylist(),
        composition=engine.arrow("compared_compositions", first=first, second=second).to_pylist(),
    )


def _differing_fields(first: Recipe, second: Recipe) -> dict[str, tuple[Any, Any]]:
    """Return the fields of recipes that differ, a part of a mapping under `field.part`."""
    one, other = _parts(asdict(first)), _parts(asdict(second))
    return {
        name: (one.get(name), other.get(name))
        for name in dict.fromkeys([*one, *other])
        if (name in one) != (name in other) or one.get(name) != other.get(name)
    }


def _parts(recipe: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe with each part of a mapping as a field."""
    parts: dict[str, Any] = {}
    for name, value in recipe.items():
        if isinstance(value, dict):
            parts |= {f"{name}.{part}" if part else name: inner for part, inner in value.items()}
        else:
            parts[name] = value
    return parts
