"""The form `huggingface`: Parquet files with the images inside, for `datasets.load_dataset`.

An image is a struct of its bytes and its name. `label` is the index of its class; where an image
may be of several, `labels` has a 1 for each and else 0, and `classes` their indices. The features
(Image, ClassLabel) stand in the schema's metadata under `huggingface`: https://huggingface.co/docs/datasets/about_dataset_features
"""

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_duck.engines.spread import workers
from cxr_duck.export.described.description import describe
from cxr_duck.export.forms.shards import (
    Image,
    Row,
    Shard,
    digest_of,
    file_column,
    localizations_of,
    mixed,
    plan_shards,
    read_rows,
    threads_each,
)
from cxr_duck.export.handout import Handout, split_names
from cxr_duck.export.options import ExportOptions
from cxr_duck.export.plan import Output, Plan, Unread

if TYPE_CHECKING:
    import pyarrow

__all__ = ["parquet_name", "plan", "write_shard"]

_BESIDE = 600  # bytes of a row beside its image
_ROW_GROUP = 32 * 10**6  # bytes of images that are held at a time
_DTYPES = {"int64": "int64", "double": "float64", "bool": "bool"}  # else text
_TEXTS = ("image_id", "patient_id", "study_id", "projection")


def plan(source: Handout, options: ExportOptions) -> Plan:
    """Plan Parquet files of at most so many bytes, split by split, the classes mixed in each."""
    names = split_names(list(source.dataset.recipe.shares))
    source = mixed(source)
    shards, image_of, renderer, needed = plan_shards(source, options, _bytes_of)
    threads = threads_each(len(shards), workers())
    schema = _schema(source)
    table = file_column(source, shards, parquet_name)
    outputs = [
        Output(
            parquet_name(shard),
            partial(write_shard, shard, schema, image_of, threads),
            len(shard.rows),
            shard.source,
        )
        for shard in shards
    ]
    return Plan(
        form=options.form,
        request=source.request(options, shards=digest_of(shards)),
        outputs=outputs,
        bytes=needed,
        films=source.images,
        finish=partial(describe, source, options, table, {"data/*.parquet": _about(names)}),
        known=renderer.known,
    )


def _bytes_of(row: Row, ending: str, image: int) -> int:
    return image + _BESIDE


def _about(names: dict[str, str]) -> str:
    """Return what the files are, and how the splits are called where they had to be renamed."""
    renamed = [f"`{split}` is `{name}`" for split, name in names.items() if split != name]
    return (
        "the images and what is known of them, for `datasets.load_dataset` of this folder"
        f"{'; there the split ' if renamed else ''}{', '.join(renamed)}"
    )


def parquet_name(shard: Shard) -> str:
    """Return the path of a shard's file below the export's folder."""
    name = split_names([shard.split])[shard.split]
    return f"data/{name}-{shard.number:05d}-of-{shard.of:05d}.parquet"


def write_shard(
    shard: Shard,
    schema: "pyarrow.Schema",
    image_of: Callable[[Row], Image | Unread],
    threads: int,
    file: Path,
    step: Callable[[], None],
) -> list[Unread]:
    """Write a shard, a few images at a time, and return the images that can't be read.

    The same examples give the same bytes.

    `image_of` returns the ending and bytes of an example's image.
    """
    import pyarrow
    import pyarrow.parquet

    unread: list[Unread] = []
    plain = [column.name for column in schema if column.name != "image"]
    with pyarrow.parquet.ParquetWriter(
        file, schema, use_dictionary=plain, write_statistics=plain, compression="snappy"
    ) as writer:
        held: list[dict[str, Any]] = []
        bytes_held = 0
        for row, ending, image in read_rows(shard.rows, image_of, threads, step, unread):
            held.append(_record(row, ending, image, schema.names))
            bytes_held += len(image)
            if bytes_held >= _ROW_GROUP:
                writer.write_table(pyarrow.Table.from_pylist(held, schema))
                held, bytes_held = [], 0
        if held:
            writer.write_table(pyarrow.Table.from_pylist(held, schema))
    if len(unread) == len(shard.rows):
        file.unlink()
    return unread


def _record(row: Row, ending: str, image: bytes, names: Sequence[str]) -> dict[str, Any]:
    """Return the values of an example's columns, by their names."""
    labels = row.get("labels", [])
    return {
        **{name: row[name] for name in names if name in row},
        "image": {"bytes": image, "path": f"{Path(row['image_id']).stem}.{ending}"},
        "classes": [index for index, label in enumerate(labels) if label],
        "class_findings": row["class_findings"].split("|"),
        "findings": [
            {"finding": finding, "localizations": places}
            for finding, places in localizations_of(row).items()
        ],
    }


def _schema(source: Handout) -> "pyarrow.Schema":
    """Return the columns, and what Hugging Face makes of them."""
    import pyarrow

    text = pyarrow.string()
    texts = pyarrow.list_(text)
    word = {"dtype": "string", "_type": "Value"}
    a_class = {"names": source.classes, "_type": "ClassLabel"}
    columns: dict[str, tuple[pyarrow.DataType, Any]] = {
        "image": (pyarrow.struct({"bytes": pyarrow.binary(), "path": text}), {"_type": "Image"}),
    }
    if source.multilabel:
        zero_or_one = {"dtype": "float32", "_type": "Value"}
        columns["labels"] = (pyarrow.list_(pyarrow.float32()), [zero_or_one])
        columns["classes"] = (pyarrow.list_(pyarrow.int64()), [a_class])
    else:
        columns["label"] = (pyarrow.int64(), a_class)
    columns |= {name: (text, word) for name in _TEXTS}
    places = pyarrow.struct({"finding": text, "localizations": texts})
    columns["class_findings"] = (texts, [word])
    columns["findings"] = (pyarrow.list_(places), [{"finding": word, "localizations": [word]}])
    for name in ("parent", "variant", *source.columns):
        if name in source.manifest.column_names:
            kind = source.manifest.schema.field(name).type
            columns[name] = (kind, {"dtype": _DTYPES.get(str(kind), "string"), "_type": "Value"})
    features = {name: feature for name, (_, feature) in columns.items()}
    metadata = {"huggingface": json.dumps({"info": {"features": features}}, ensure_ascii=False)}
    return pyarrow.schema([(name, kind) for name, (kind, _) in columns.items()], metadata=metadata)
