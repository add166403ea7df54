"""From a labelled chest X-ray repository to a training set that can be trusted.

The names are the paper's: `ExperimentData` makes an index over a label file, datasets from terms,
and datasets again from their record; `InvertedIndex` maps a finding to its images.
Nothing is imported before it is used, so that a look-up on the command line stays quick.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.7.0"

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
    from cxr_duck.datasets import Dataset
    from cxr_duck.demo import make_demo
    from cxr_duck.errors import CxrError
    from cxr_duck.experiment_data import ExperimentData
    from cxr_duck.images.cxr_image import CXRImage
    from cxr_duck.index import InvertedIndex, Postings
    from cxr_duck.recipe import Recipe

_HOMES = {
    "CXRImage": "images.cxr_image",
    "CxrError": "errors",
    "Dataset": "datasets",
    "ExperimentData": "experiment_data",
    "InvertedIndex": "index",
    "Postings": "index",
    "Recipe": "recipe",
    "make_demo": "demo",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its module at its first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'cxr_duck' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"cxr_duck.{_HOMES[name]}"), name)
