"""The form `webdataset`: tar files for the webdataset package, `train-000000.tar`, ….

A sample is files of one name: `KEY.png` (or jpg), `KEY.json` with what is known of the image, and
`KEY.cls` with the index of its class; where an image may be of several classes, `KEY.npy` in its
place, float32 with a 1 for each of them. What the form asks:
https://github.com/webdataset/webdataset
"""

import io
import json
import math
import re
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

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
from cxr_duck.export.handout import Handout
from cxr_duck.export.options import ExportOptions
from cxr_duck.export.plan import Output, Plan, Unread

__all__ = ["bytes_of", "facts_of", "keys_of", "plan", "write_tar"]

_PLAIN_NAME = 100  # bytes that a member's header has for its name
# What names a sample, or is told in another shape.
_NO_FACTS = ("class_findings", "findings", "localizations", "localizations_by_finding",
             "source_path", "member")  # fmt: skip
_ABOUT = (
    "the images, each as `KEY.png` (or `.jpg`) with `KEY.json`, what is known of it, and "
    "{target}, for `webdataset.WebDataset`; that package's own decoders "
    "make white of all that is above 255, so give them 8 bits (`--bits 8`), or decode as below"
)
_CLASS = "`KEY.cls`, the index of its class"
_CLASSES = "`KEY.npy`, a 1 for each class that it is of and else 0, by their indices"


def plan(source: Handout, options: ExportOptions) -> Plan:
    """Plan tar files of at most so many bytes, split by split, the classes mixed in each."""
    import pyarrow

    source = mixed(source)
    keys = keys_of(source.manifest.column("image_id").to_pylist())
    manifest = source.manifest.append_column("member", pyarrow.array(keys, pyarrow.string()))
    source = replace(source, manifest=manifest)
    shards, image_of, renderer, needed = plan_shards(source, options, bytes_of, tarfile.RECORDSIZE)
    threads = threads_each(len(shards), workers())
    table = file_column(source, shards, tar_name)
    about = _ABOUT.format(target=_CLASSES if source.multilabel else _CLASS)
    return Plan(
        form=options.form,
        request=source.request(options, shards=digest_of(shards)),
        outputs=[
            Output(
                tar_name(shard),
                partial(write_tar, shard, image_of, threads),
                len(shard.rows),
                shard.source,
            )
            for shard in shards
        ],
        bytes=needed,
        films=source.images,
        finish=partial(describe, source, options, table, {"*.tar": about}),
        known=renderer.known,
    )


def keys_of(image_ids: Sequence[str]) -> list[str]:
    """Return a key for each example, all different: the image's name without ending and dots.

    What follows the first dot of a member's name tells the package what the member is.
    """
    taken: set[str] = set()
    keys = []
    for image_id in image_ids:
        stem = key = re.sub(r"\.", "_", Path(image_id).stem)
        number = 1
        while key in taken:
            number += 1
            key = f"{stem}-{number}"
        taken.add(key)
        keys.append(key)
    return keys


def tar_name(shard: Shard) -> str:
    """Return the name of a shard's file."""
    return f"{shard.split}-{shard.number:06d}.tar"


def write_tar(
    shard: Shard,
    image_of: Callable[[Row], Image | Unread],
    threads: int,
    file: Path,
    step: Callable[[], None],
) -> list[Unread]:
    """Write a shard, return the images that can't be read; the same samples give the same bytes.

    `image_of` returns the ending and bytes of an example's image.
    """
    unread: list[Unread] = []
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as tar:
        for row, ending, image in read_rows(shard.rows, image_of, threads, step, unread):
            for suffix, content in _sample(row, ending, image):
                member = tarfile.TarInfo(f"{row['member']}.{suffix}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    if len(unread) == len(shard.rows):
        file.unlink()
    return unread


def bytes_of(row: Row, ending: str, image: int) -> int:
    """Return the bytes of a sample in a tar file, its image having so many: headers and blocks."""
    sizes = {suffix: len(content) for suffix, content in _sample(row, ending, b"")}
    sizes[ending] = image
    return sum(
        _header(f"{row['member']}.{suffix}", size) + _blocks(size) for suffix, size in sizes.items()
    )


def _header(name: str, size: int) -> int:
    """Return the bytes of a member's header, more than a block where its name is a long one."""
    if name.isascii() and len(name) <= _PLAIN_NAME:
        return tarfile.BLOCKSIZE
    member = tarfile.TarInfo(name)
    member.size = size
    return len(member.tobuf(tarfile.PAX_FORMAT))


def _blocks(size: int) -> int:
    return math.ceil(size / tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


def _sample(row: Row, ending: str, image: bytes) -> Iterator[tuple[str, bytes]]:
    yield ending, image
    yield "json", json.dumps(facts_of(row), ensure_ascii=False, sort_keys=True).encode()
    if "labels" in row:
        yield "npy", _array(row["labels"])
    else:
        yield "cls", str(row["label"]).encode()


def _array(labels: Sequence[int]) -> bytes:
    """Return a file of numpy with the labels as float32."""
    import numpy

    file = io.BytesIO()
    numpy.save(file, numpy.array(labels, numpy.float32))
    return file.getvalue()


def facts_of(row: Row) -> dict[str, Any]:
    """Return what is known of an example: whose it is, its class, findings and localizations."""
    return {
        **{name: value for name, value in row.items() if name not in _NO_FACTS},
        "class_findings": row["class_findings"].split("|"),
        "findings": localizations_of(row),
    }
