"""The metadata of an export as Croissant 1.0: JSON-LD that mlcroissant reads.

The specification: https://docs.mlcommons.org/croissant/docs/croissant-spec.html
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_duck.export.handout import Handout
from cxr_duck.io.digest import sha256_of
from cxr_duck.sources.padchest import CITATION, TERMS_URL

if TYPE_CHECKING:
    import pyarrow

__all__ = ["croissant"]

# The context that the specification gives (section on namespaces).
_TERMS = (
    "citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject",
    "fileSet", "format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField",
    "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate", "separator",
    "source", "subField", "transform",
)  # fmt: skip
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _TERMS},
}
_FORMATS = {
    ".csv": "text/csv", ".parquet": "application/x-parquet", ".png": "image/png",
    ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".dcm": "application/dicom",
    ".dicom": "application/dicom", ".tar": "application/x-tar",
}  # fmt: skip
_UNKNOWN = "application/octet-stream"
_ABOUT = {
    "split": "The split of the example.",
    "class": "The class of the example.",
    "classes": "The classes of the image, between them |.",
    "label": "The index of the class.",
    "image_id": "The name of the image in the repository.",
    "patient_id": "The patient, who is in one split alone.",
    "study_id": "The study, whose images share one report.",
    "projection": "The projection: PA, L, AP_horizontal, ….",
    "class_findings": "The findings that make the image one of its class, between them |.",
    "findings": "All findings of the image, between them |.",
    "localizations": "The localizations of the image, between them |.",
    "localizations_by_finding": "All findings of the image, each with its localizations, as JSON.",
    "file": "The file that holds the image, below this folder.",
    "path": "The file of the image in the repository.",
    "member": "The name of the image in that file, without its ending.",
    "parent": "The image that this one was varied from.",
    "variant": "The number of the variant, 0 for an image as it was taken.",
}


def croissant(
    source: Handout, folder: Path, manifest: "pyarrow.Table", images: Sequence[str]
) -> str:
    """Return the metadata of an export as JSON; the same export gives the same text.

    `folder` has the export's manifests, whose rows are those of `manifest`. `images` are
    patterns of the paths of the files with images, below the folder.
    """
    manifests = [file for file in ("manifest.parquet", "manifest.csv") if (folder / file).is_file()]
    dataset = source.dataset
    content = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": dataset.name,
        "description": _description(source),
        "url": TERMS_URL,
        "license": TERMS_URL,
        "citeAs": CITATION,
        "creator": {"@type": "sc:Organization", "name": "BIMCV", "url": TERMS_URL},
        "datePublished": source.record.day.isoformat(),
        "version": "1.0.0",
        "identifier": f"sha256:{source.digest()}",
        "distribution": [
            *(_file_object(folder / name) for name in manifests),
            *(_file_set(pattern) for pattern in images),
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "images",
                "name": "images",
                "description": "One record an example: an image and its class, or classes.",
                "field": _fields(manifest, manifests[0]),
            }
        ],
    }
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def _description(source: Handout) -> str:
    recipe = source.dataset.recipe
    return (
        f"Chest X-rays of {', '.join(sorted(recipe.classes))}, in the splits "
        f"{', '.join(recipe.shares)}, no patient in two of them: made by cxr-duck with the seed "
        f"{recipe.seed}; the SHA-256 of its members is {source.digest()}."
    )


def _file_object(file: Path) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.name,
        "name": file.name,
        "contentUrl": file.name,
        "contentSize": f"{file.stat().st_size} B",
        "encodingFormat": _FORMATS[file.suffix],
        "sha256": sha256_of(file),
    }


def _file_set(pattern: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": pattern,
        "name": pattern,
        "encodingFormat": _FORMATS.get(Path(pattern).suffix.lower(), _UNKNOWN),
        "includes": pattern,
    }


def _fields(manifest: "pyarrow.Table", file: str) -> list[dict[str, Any]]:
    """Return a field for each column of the manifest."""
    import pyarrow

    taken: set[str] = set()
    fields = []
    for column in manifest.schema:
        stem = name = "images/" + re.sub(r"[^\w.-]+", "_", column.name)
        number = 1
        while name in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name)
        zero_or_one = pyarrow.types.is_uint8(column.type)
        about = f"1 where the image is labelled {column.name}, else 0." if zero_or_one else ""
        fields.append(
            {
                "@type": "cr:Field",
                "@id": name,
                "name": column.name,
                "description": _ABOUT.get(column.name, about or column.name),
                "dataType": _data_type(column.type),
                "source": {
                    "fileObject": {"@id": file},
                    "extract": {"column": column.name},
                },
            }
        )
    return fields


def _data_type(kind: "pyarrow.DataType") -> str:
    """Return the type of a column as schema.org calls it."""
    import pyarrow

    if pyarrow.types.is_boolean(kind):
        return "sc:Boolean"
    if pyarrow.types.is_floating(kind):
        return "sc:Float"
    return "sc:Integer" if pyarrow.types.is_integer(kind) else "sc:Text"
