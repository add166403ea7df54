"""The errors that cxr-duck raises, as one tree.

CxrError                 every error of this package; its text is one sentence for the user
├── LabelFileError       a label file that can't be read as one
├── ConflictError        images that a label file and the store describe in different ways
├── ImagesError          a folder of images that can't be listed
├── HierarchyError       a hierarchy with a cycle, an unknown parent, a broken file
├── UnknownTermError     a term or finding that the store doesn't have
├── UnknownImageError    an image that neither the index nor the record has
├── StoreError           a store that is absent, busy, read-only or damaged
├── QueryError           a query, in the language or in SQL, that can't be read or run
├── RecipeError          a dataset that can't be made as asked
├── DatasetError         a dataset's name that is unknown or taken
├── BundleError          a bundle that can't be read, or whose dataset this store can't give
├── ExportError          a folder that can't be written to as asked
├── AuditError           a split that can't be audited as asked
└── StageError           a stage of this package that failed: a defect here, or no memory or disk
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow

__all__ = [
    "AuditError",
    "BundleError",
    "ConflictError",
    "CxrError",
    "DatasetError",
    "ExportError",
    "HierarchyError",
    "ImagesError",
    "LabelFileError",
    "QueryError",
    "RecipeError",
    "StageError",
    "StoreError",
    "UnknownImageError",
    "UnknownTermError",
]


class CxrError(Exception):
    """Every error of this package; its text is one sentence for the user."""


class LabelFileError(CxrError):
    """A label file that can't be read as one."""


class ConflictError(CxrError):
    """Images that a label file and the store describe in different ways.

    `conflicts` has for each a dict of its image_id, its row in the label file and the columns that
    it `differs_in`.
    """

    def __init__(self, sentence: str, conflicts: list[dict[str, Any]]) -> None:
        super().__init__(sentence)
        self.conflicts = conflicts


class ImagesError(CxrError):
    """A folder of images that can't be listed."""


class HierarchyError(CxrError):
    """A hierarchy with a cycle, an unknown parent, or a broken file."""


class UnknownTermError(CxrError, KeyError):
    """A term or finding that the store doesn't have; a KeyError for users of the mapping."""

    __str__ = Exception.__str__


class UnknownImageError(CxrError):
    """An image that neither the index nor the record has."""


class StoreError(CxrError):
    """A store that is absent, busy, read-only or damaged."""


class QueryError(CxrError):
    """A query, in the language or in SQL, that can't be read or run."""


class RecipeError(CxrError):
    """A dataset that can't be made as asked."""


class DatasetError(CxrError):
    """A dataset's name that is unknown or taken."""


class BundleError(CxrError):
    """A bundle that can't be read or written, or whose dataset this store can't give.

    `images` has a row for each image of the bundle that the store lacks, with its image_id, split
    and the reason, or is None where the bundle itself is the problem.
    """

    def __init__(self, sentence: str, images: "pyarrow.Table | None" = None) -> None:
        super().__init__(sentence)
        self.images = images


class ExportError(CxrError):
    """A folder that can't be written to as asked."""


class AuditError(CxrError):
    """A split that can't be audited as asked."""


class StageError(CxrError):
    """A stage of this package that failed: a defect, or no memory or disk.

    `reason` is what the engine said.
    """

    def __init__(self, sentence: str, reason: str = "") -> None:
        super().__init__(sentence)
        self.reason = reason
