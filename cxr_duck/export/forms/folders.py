"""The form `folders`: `DIR/<split>/<class>/<image>`, as torchvision's ImageFolder reads it."""

import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from cxr_duck.engines.spread import workers
from cxr_duck.errors import ExportError
from cxr_duck.export.described.description import describe
from cxr_duck.export.forms.films import Found, found_films
from cxr_duck.export.handout import Handout
from cxr_duck.export.options import ExportOptions
from cxr_duck.export.plan import Output, Plan, Step, Unread
from cxr_duck.export.rendering import KEPT, Film, Renderer, Rendering, UnreadableError
from cxr_duck.images.files.folder import ImageFolder

if TYPE_CHECKING:
    import pyarrow

__all__ = ["plan"]

_LINK = 4096  # bytes on the disk
_BESIDE = ("manifest.csv", "manifest.parquet", "croissant.json", "readme.md")
_ABOUT = (
    "the images, as split/class/image, for `torchvision.datasets.ImageFolder`; its own loader "
    "makes white of all that is above 255, so give it 8 bits (`--bits 8`), or "
    "`loader=PIL.Image.open`"
)


def plan(source: Handout, options: ExportOptions) -> Plan:
    """Plan a folder of images by split and class; where no images are known, manifests alone."""
    anew = options.rendering.anew
    if anew and options.how != "symlink":
        raise ExportError("images that are written anew are neither links nor copies")
    if source.folder is None and (anew or options.how != "symlink"):
        raise ExportError(
            "no folder of images is known to this store: give it with --images, or index with it"
        )
    files = _files(source, options.rendering)
    _refuse_shifted_indices(source)
    outputs: list[Output] = []
    needed, known = 0, {}
    if source.folder is not None:
        renderer = Renderer(source.folder, options.rendering)
        known = renderer.known
        outputs, needed = _outputs(renderer, files, found_films(source), options)
    return Plan(
        form=options.form,
        request=source.request(options),
        outputs=outputs,
        bytes=needed,
        films=source.images,
        finish=partial(
            describe, source, options, _with_files(source.manifest, files), _about(files)
        ),
        resumable=anew or options.how == "copy",
        known=known,
    )


def _refuse_shifted_indices(source: Handout) -> None:
    """Raise ExportError where a split lacks a class, so that a reader would number others anew."""
    import pyarrow.compute

    manifest = source.manifest
    for split in source.dataset.recipe.shares:
        rows = manifest.filter(pyarrow.compute.equal(manifest.column("split"), split))
        there = set(rows.column("class").to_pylist())
        found = [name in there for name in source.classes]
        if any(found) and source.folder and found != sorted(found, reverse=True):
            lacking = source.classes[found.index(False)]
            raise ExportError(
                f"no image of {lacking!r} is in {split!r}, so that a reader of folders would give "
                "the classes behind it another index there: take --as webdataset, huggingface, "
                "parquet or csv"
            )


def _files(source: Handout, rendering: Rendering) -> list[str | None]:
    """Return the path of each row's image in the export, None where it gets none."""
    manifest = source.manifest
    classes = _class_folders(source.classes)
    rows = zip(
        *(manifest.column(name).to_pylist() for name in ("split", "class", "image_id")), strict=True
    )
    if source.folder is None:
        return [None] * manifest.num_rows
    files = [
        _image_path(split, classes[term], _file_name(image_id, rendering))
        for split, term, image_id in rows
    ]
    if len(set(files)) < len(files):
        twice = next(file for file, count in Counter(files).items() if count > 1)
        raise ExportError(f"two images would be written to {twice}: ask for another --format")
    return [*files]


def _file_name(image_id: str, rendering: Rendering) -> str:
    if not rendering.anew or image_id.lower().endswith(rendering.suffix):
        return image_id
    return os.path.splitext(image_id)[0] + rendering.suffix


def _class_folders(classes: list[str]) -> dict[str, str]:
    """Return a plain folder name for each class; a term of a user may hold any character.

    `classes` are in the order of their indices. Who reads the folders numbers them by their names,
    so where these sort otherwise each has its index in front.
    """
    folders = {term: re.sub(r"[^\w .+()-]", "_", term).strip(" .") or "_" for term in classes}
    for term, folder in folders.items():
        if same := [t for t, f in folders.items() if t != term and f.lower() == folder.lower()]:
            raise ExportError(
                f"the classes {term!r} and {same[0]!r} would share the folder {folder!r}: "
                "rename one of the terms"
            )
    names = [folders[term] for term in classes]
    if names != sorted(names):
        digits = len(str(len(names) - 1))
        return {t: f"{index:0{digits}}_{folders[t]}" for index, t in enumerate(classes)}
    return folders


def _image_path(split: str, folder: str, name: str) -> str:
    for what, word in (("image", name), ("split", split)):
        if word in ("", ".", "..") or re.search(r"[/\\\0]", word):
            raise ExportError(f"{what} {word!r} can't be written: that is no plain file name")
    if split.casefold() in _BESIDE:
        raise ExportError(
            f"the split {split!r} has the name of a file that each export has: make the dataset "
            "with another name"
        )
    return f"{split}/{folder}/{name}"


def _outputs(
    renderer: Renderer,
    files: list[str | None],
    sources: list[Found],
    options: ExportOptions,
) -> tuple[list[Output], int]:
    """Return the files to write, and the bytes that they need.

    Variants come some images after theirs, so that several images are decoded at a time.
    """
    ahead = KEPT // 2 * workers()
    outputs, needed, place = [], 0, 0
    for file, found in zip(files, sources, strict=True):
        assert file is not None
        film = found.film
        if options.rendering.anew:
            needed += options.rendering.bytes_of(film)
        else:
            needed += found.bytes if options.how == "copy" else _LINK
        link = not options.rendering.anew and options.how != "copy"
        make = (
            _linking(renderer.folder, film, options.how)
            if link
            else partial(_write, renderer, film)
        )
        place += film.chance is None
        output = Output(file, make, source=found.digest)
        outputs.append((place + (ahead if film.chance else 0), output))
    return [output for _, output in sorted(outputs, key=itemgetter(0))], needed


def _linking(folder: ImageFolder, film: Film, how: str) -> Callable[[Path, Step], Sequence[Unread]]:
    """Return what links to an image's file."""
    file = folder.plain_file(film.path)
    if file is None:
        raise ExportError(
            f"{film.path} lies in a zip, to which nothing can be linked: copy with --copy, "
            "or write anew, such as with --size 512"
        )
    return partial(_link, file, how)


def _write(renderer: Renderer, film: Film, file: Path, step: Step) -> Sequence[Unread]:
    try:
        data = renderer.bytes_of(film)
    except UnreadableError as error:
        step()
        return [Unread(film.image_id, error.reason)]
    file.write_bytes(data)
    step()
    return ()


def _link(source: Path, how: str, file: Path, step: Step) -> Sequence[Unread]:
    if how == "symlink":
        file.symlink_to(source)
    else:
        os.link(source, file)
    step()
    return ()


def _with_files(manifest: "pyarrow.Table", files: list[str | None]) -> "pyarrow.Table":
    """Return a manifest with the file of each row's image below the export's folder."""
    import pyarrow

    table = manifest.drop_columns(["source_path"])
    return table.append_column("file", pyarrow.array(files, pyarrow.string()))


def _about(files: list[str | None]) -> dict[str, str]:
    """Return what the files of images are, by the pattern of their paths."""
    endings = sorted({os.path.splitext(file)[1] for file in files if file is not None})
    return {f"*/*/*{ending}": _ABOUT for ending in endings}
