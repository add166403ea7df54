"""Tar files that the webdataset package reads: `train-000000.tar`, ….

A sample is files of one name: `KEY.png` (or jpg), `KEY.json` with what is known of the image, and
`KEY.cls` with the index of its class. What the form asks: https://github.com/webdataset/webdataset
"""

import io
import json
import re
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from cxr_duck.export.shards import Shard, ahead, localizations_of

__all__ = ["keys_of", "tar_name", "write_tar"]

_BLOCK = tarfile.BLOCKSIZE
MEMBERS = 3 * _BLOCK + 2 * _BLOCK  # bytes of a sample beside its image: headers, json, cls


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
    file: Path,
    shard: Shard,
    image_of: Callable[[dict[str, Any]], tuple[str, bytes]],
    threads: int,
    step: Callable[[], None],
) -> None:
    """Write a shard; the same samples give the same bytes.

    `image_of` returns the ending and bytes of an example's image.
    """
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as tar:
        for row, (ending, image) in zip(
            shard.rows, ahead(image_of, shard.rows, threads), strict=True
        ):
            for suffix, content in _sample(row, ending, image):
                member = tarfile.TarInfo(f"{row['member']}.{suffix}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
            step()


def _sample(row: dict[str, Any], ending: str, image: bytes) -> Iterator[tuple[str, bytes]]:
    yield ending, image
    yield "json", json.dumps(facts_of(row), ensure_ascii=False, sort_keys=True).encode()
    yield "cls", str(row["label"]).encode()


def facts_of(row: dict[str, Any]) -> dict[str, Any]:
    """Return what is known of an example: whose it is, its class, findings and localizations."""
    plain = ("image_id", "patient_id", "study_id", "projection", "split", "class", "label")
    return {
        **{name: row[name] for name in plain},
        "class_findings": row["findings"].split("|"),
        "findings": localizations_of(row),
    }
