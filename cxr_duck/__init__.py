"""From a labelled chest X-ray repository to a training set that can be trusted.

The names are the paper's: `ExperimentData` makes an index over a label file, datasets from terms,
and datasets again from their record; `InvertedIndex` maps a finding to its images.
Nothing is imported before it is used, so that a look-up on the command line stays quick.
"""

from typing import TYPE_CHECKING, Any

from cxr_duck.version import __version__

__all__ = [
    "CXRImage",
    "CxrError",
    "Dataset",
    "ExperimentData",
    "InvertedIndex",
    "Postings",
    "Recipe",
    "__version__",
    "make_demo",
]

if TYPE_CHECKING:
    from cxr_duck.datasets.dataset import Dataset
    from cxr_duck.datasets.recipes.recipe import Recipe
    from cxr_duck.errors import CxrError
    from cxr_duck.experiment_data import ExperimentData
    from cxr_duck.images.pixels.cxr_image import CXRImage
    from cxr_duck.index.inverted_index import InvertedIndex, Postings
    from cxr_duck.sources.demo import make_demo

_HOMES = {
    "CXRImage": "images.pixels.cxr_image",
    "CxrError": "errors",
    "Dataset": "datasets.dataset",
    "ExperimentData": "experiment_data",
    "InvertedIndex": "index.inverted_index",
    "Postings": "index.inverted_index",
    "Recipe": "datasets.recipes.recipe",
    "make_demo": "sources.demo",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its module at its first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'cxr_duck' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"cxr_duck.{_HOMES[name]}"), name)
