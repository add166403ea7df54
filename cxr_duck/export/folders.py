"""`DIR/<split>/<class>/<image>`, which torchvision's ImageFolder reads, and the manifests."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import polars
import pyarrow
import pyarrow.parquet

from cxr_duck.errors import ExportError
from cxr_duck.images.folder import ImageFolder
from cxr_duck.new_folder import new_folder

__all__ = ["HOW", "export_folders"]

HOW = ("symlink", "hardlink", "copy")
_SOME = 3  # names of missing files that a message spells out


def export_folders(
    manifest: "pyarrow.Table",
    target: Path,
    images_folder: Path | None,
    how: str,
    done: Callable[[int], None],
) -> int:
    """Write a dataset into a new folder, or an empty one; return the number of image files.

    `manifest` has a row per image with split, class, image_id and source_path, the file below
    `images_folder`; where that is None only the manifests are written. `how` is symlink, hardlink
    or copy; a member of a zip is copied. The folder appears whole or, after an ExportError, not at
    all.
    """
    if how not in HOW:
        raise ExportError(f"files are written as {', '.join(HOW)}, not as {how!r}")
    if images_folder is None and how != "symlink":
        raise ExportError(
            "no folder of images is known to this store: give it with --images, or index with it"
        )
    classes = _class_folders(manifest.column("class").unique().to_pylist())
    files = [
        None if images_folder is None else _image_path(split, classes[term], image_id)
        for split, term, image_id in zip(
            *(manifest.column(name).to_pylist() for name in ("split", "class", "image_id")),
            strict=True,
        )
    ]
    images = None if images_folder is None else ImageFolder(images_folder.absolute())
    sources = _sources(manifest, images)
    with new_folder(target) as partial:
        for number, (file, source) in enumerate(zip(files, sources, strict=True), start=1):
            if images is not None and file is not None and source is not None:
                _place(images, source, partial / file, how)
            done(number)
        _write_manifests(manifest, files, partial)
    return sum(file is not None for file in files)


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


def _image_path(split: str, folder: str, image_id: str) -> str:
    for what, name in (("image", image_id), ("split", split)):
        if name in ("", ".", "..") or re.search(r"[/\\\0]", name):
            raise ExportError(f"{what} {name!r} can't be written: that is no plain file name")
    return f"{split}/{folder}/{image_id}"


def _sources(manifest: "pyarrow.Table", images: ImageFolder | None) -> list[str | None]:
    """Return the path of each image's file; ExportError where some are not there."""
    paths: list[str | None] = manifest.column("source_path").to_pylist()
    if images is None:
        return paths
    missing = [
        image_id
        for image_id, path in zip(manifest.column("image_id").to_pylist(), paths, strict=True)
        if path is None or not _is_there(images, path)
    ]
    if missing:
        raise ExportError(
            f"{len(missing):,} of {len(paths):,} images are not below {images.root}, "
            f"{', '.join(missing[:_SOME])}{', …' if len(missing) > _SOME else ''} among them: "
            "give the folder with --images, or index again with --images"
        )
    return paths


def _is_there(images: ImageFolder, path: str) -> bool:
    try:
        images.stat(path)
    except OSError:
        return False
    return True


def _place(images: ImageFolder, path: str, file: Path, how: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    source = images.plain_file(path)
    if source is None:
        with images.open(path) as stream, file.open("wb") as copy:
            shutil.copyfileobj(stream, copy)
    elif how == "symlink":
        file.symlink_to(source)
    elif how == "hardlink":
        os.link(source, file)
    else:
        shutil.copyfile(source, file)


def _write_manifests(manifest: "pyarrow.Table", files: list[str | None], folder: Path) -> None:
    table = manifest.drop_columns(["source_path"]).append_column(
        "file", pyarrow.array(files, pyarrow.string())
    )
    frame = polars.from_arrow(table)
    assert isinstance(frame, polars.DataFrame)
    frame.write_csv(folder / "manifest.csv")
    pyarrow.parquet.write_table(table, folder / "manifest.parquet")
