"""The form `huggingface`: Parquet files with the images inside, for `datasets.load_dataset`.

An image is a struct of its bytes and its name, and the features (Image, ClassLabel) stand in the
schema's metadata under `huggingface`: https://huggingface.co/docs/datasets/about_dataset_features
"""

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_duck.datasets.examples import class_indices
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
_TEXTS = ("image_id", "patient_id", "study_id", "projection")


def plan(source: Handout, options: ExportOptions) -> Plan:
    """Plan Parquet files of at most so many bytes, split by split, the classes mixed in each."""
    names = split_names(list(source.dataset.recipe.shares))
    source = mixed(source)
    shards, image_of, renderer, needed = plan_shards(source, options, _bytes_of)
    threads = threads_each(len(shards), workers())
    classes = list(class_indices(source.dataset))
    table = file_column(source, shards, parquet_name)
    outputs = [
        Output(
            parquet_name(shard),
            partial(write_shard, shard, classes, image_of, threads),
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
    classes: Sequence[str],
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

    schema = _schema(classes, "variant" in shard.rows[0])
    unread: list[Unread] = []
    plain = [column.name for column in schema if column.name != "image"]
    with pyarrow.parquet.ParquetWriter(
        file, schema, use_dictionary=plain, write_statistics=plain, compression="snappy"
    ) as writer:
        held: list[dict[str, Any]] = []
        bytes_held = 0
        for row, ending, image in read_rows(shard.rows, image_of, threads, step, unread):
            held.append(_record(row, ending, image))
            bytes_held += len(image)
            if bytes_held >= _ROW_GROUP:
                writer.write_table(pyarrow.Table.from_pylist(held, schema))
                held, bytes_held = [], 0
        if held:
            writer.write_table(pyarrow.Table.from_pylist(held, schema))
    if len(unread) == len(shard.rows):
        file.unlink()
    return unread


def _record(row: Row, ending: str, image: bytes) -> dict[str, Any]:
    return {
        "image": {"bytes": image, "path": f"{Path(row['image_id']).stem}.{ending}"},
        "label": row["label"],
        **{name: row[name] for name in (*_TEXTS, "parent", "variant") if name in row},
        "class_findings": row["findings"].split("|"),
        "findings": [
            {"finding": finding, "localizations": places}
            for finding, places in localizations_of(row).items()
        ],
    }


def _schema(classes: Sequence[str], with_variants: bool) -> "pyarrow.Schema":
    """Return the columns, and what Hugging Face makes of them."""
    import pyarrow

    text = pyarrow.string()
    texts = pyarrow.list_(text)
    columns = {
        "image": pyarrow.struct({"bytes": pyarrow.binary(), "path": text}),
        "label": pyarrow.int64(),
        **dict.fromkeys(_TEXTS, text),
        "class_findings": texts,
        "findings": pyarrow.list_(pyarrow.struct({"finding": text, "localizations": texts})),
    }
    if with_variants:
        columns |= {"parent": text, "variant": pyarrow.int64()}
    word = {"dtype": "string", "_type": "Value"}
    features = {
        "image": {"_type": "Image"},
        "label": {"names": list(classes), "_type": "ClassLabel"},
        **dict.fromkeys(_TEXTS, word),
        "class_findings": [word],
        "findings": [{"finding": word, "localizations": [word]}],
    }
    if with_variants:
        features |= {"parent": word, "variant": {"dtype": "int64", "_type": "Value"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}}, ensure_ascii=False)}
    return pyarrow.schema(list(columns.items()), metadata=metadata)
