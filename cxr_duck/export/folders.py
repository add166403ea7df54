"""`DIR/<split>/<class>/<image>`, which torchvision's ImageFolder reads, and the manifests."""

import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cxr_duck.errors import ExportError
from cxr_duck.export.description import describe
from cxr_duck.export.forms import ExportOptions, Source
from cxr_duck.export.rendering import Film, Rendering, copied, rendered
from cxr_duck.export.writing import Output, Plan, Step
from cxr_duck.images.folder import ImageFolder

if TYPE_CHECKING:
    import pyarrow

__all__ = ["found_films", "plan"]

_SOME = 3  # names of missing files that a message spells out
_LINK = 4096  # bytes on the disk


def plan(source: Source, options: ExportOptions) -> Plan:
    """Plan a folder of images by split and class; where no images are known, manifests alone."""
    anew = options.rendering.anew
    if anew and options.how != "symlink":
        raise ExportError("images that are written anew are neither links nor copies")
    if source.folder is None and (anew or options.how != "symlink"):
        raise ExportError(
            "no folder of images is known to this store: give it with --images, or index with it"
        )
    files = _files(source, options.rendering)
    placed = [] if source.folder is None else list(zip(files, found_films(source), strict=True))
    outputs, bytes_needed = _outputs(source.folder, placed, options)
    return Plan(
        form=options.form,
        request=source.request(options),
        outputs=outputs,
        bytes=bytes_needed,
        finish=partial(
            describe, source, options, _with_files(source.manifest, files), _about(files)
        ),
        resumable=anew or options.how == "copy",
    )


def _files(source: Source, rendering: Rendering) -> list[str | None]:
    """Return the path of each row's image in the export, None where it gets none."""
    manifest = source.manifest
    classes = _class_folders(manifest.column("class").unique().to_pylist())
    rows = zip(
        *(manifest.column(name).to_pylist() for name in ("split", "class", "image_id")), strict=True
    )
    if source.folder is None:
        return [None] * manifest.num_rows
    return [
        _image_path(split, classes[term], _file_name(image_id, rendering))
        for split, term, image_id in rows
    ]


def _file_name(image_id: str, rendering: Rendering) -> str:
    if not rendering.anew or image_id.lower().endswith(rendering.suffix):
        return image_id
    return os.path.splitext(image_id)[0] + rendering.suffix


def _class_folders(classes: list[str]) -> dict[str, str]:
    """Return a plain folder name for each class; a term of a user may hold any character."""
    folders = {term: re.sub(r"[^\w .+()-]", "_", term).strip(" .") or "_" for term in classes}
    for term, folder in folders.items():
        if same := [t for t, f in folders.items() if t != term and f.lower() == folder.lower()]:
            raise ExportError(
                f"the classes {term!r} and {same[0]!r} would share the folder {folder!r}: "
                "rename one of the terms"
            )
    return folders


def _image_path(split: str, folder: str, name: str) -> str:
    for what, word in (("image", name), ("split", split)):
        if word in ("", ".", "..") or re.search(r"[/\\\0]", word):
            raise ExportError(f"{what} {word!r} can't be written: that is no plain file name")
    return f"{split}/{folder}/{name}"


def found_films(source: Source) -> list[tuple[Film, int]]:
    """Return the image of each row and its bytes; ExportError where some are not there."""
    assert source.folder is not None
    image_ids = source.manifest.column("image_id").to_pylist()
    bytes_of: dict[str, int] = {}
    for image_id in dict.fromkeys(image_ids):
        try:
            bytes_of[image_id] = source.folder.stat(source.films[image_id].path)[0]
        except (OSError, KeyError):
            continue
    missing = [image_id for image_id in image_ids if image_id not in bytes_of]
    if missing:
        raise ExportError(
            f"{len(missing):,} of {len(image_ids):,} images are not below {source.folder.root}, "
            f"{', '.join(missing[:_SOME])}{', …' if len(missing) > _SOME else ''} among them: "
            "give the folder with --images, or index again with --images"
        )
    return [(source.films[image_id], bytes_of[image_id]) for image_id in image_ids]


Placed = list[tuple[str | None, tuple[Film, int]]]


def _outputs(
    folder: ImageFolder | None, placed: Placed, options: ExportOptions
) -> tuple[list[Output], int]:
    """Return the files to write, and the bytes that they need."""
    outputs, needed = [], 0
    make: Callable[[Path, Step], None]
    for file, (film, size) in placed:
        assert folder is not None
        assert file is not None
        if options.rendering.anew:
            needed += options.rendering.bytes_of(film)
            make = partial(_render, folder, film, options.rendering)
        else:
            needed += size if options.how == "copy" else _LINK
            make = _placing(folder, film, options.how)
        outputs.append(Output(file, make))
    return outputs, needed


def _placing(folder: ImageFolder, film: Film, how: str) -> Callable[[Path, Step], None]:
    """Return what links or copies an image's file."""
    if how == "copy":
        return partial(_copy, folder, film)
    file = folder.plain_file(film.path)
    if file is None:
        raise ExportError(
            f"{film.path} lies in a zip, to which nothing can be linked: copy with --copy, "
            "or write anew, such as with --size 512"
        )
    return partial(_link, file, how)


def _render(folder: ImageFolder, film: Film, rendering: Rendering, file: Path, step: Step) -> None:
    file.write_bytes(rendered(folder, film, rendering))
    step()


def _copy(folder: ImageFolder, film: Film, file: Path, step: Step) -> None:
    file.write_bytes(copied(folder, film))
    step()


def _link(source: Path, how: str, file: Path, step: Step) -> None:
    if how == "symlink":
        file.symlink_to(source)
    else:
        os.link(source, file)
    step()


def _with_files(manifest: "pyarrow.Table", files: list[str | None]) -> "pyarrow.Table":
    """Return a manifest with the file of each row's image below the export's folder."""
    import pyarrow

    table = manifest.drop_columns(["source_path"])
    return table.append_column("file", pyarrow.array(files, pyarrow.string()))


def _about(files: list[str | None]) -> dict[str, str]:
    """Return what the files of images are, by the pattern of their paths."""
    endings = sorted({os.path.splitext(file)[1] for file in files if file is not None})
    return {f"*/*/*{ending}": "the images, as split/class/image" for ending in endings}
