"""The command `cxr export`, which writes a dataset for other tools."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cxr_duck.cli.options import StoreOption
from cxr_duck.cli.parsing import refuse_idle

__all__ = ["add_to"]


class _Form(StrEnum):
    folders = "folders"
    webdataset = "webdataset"
    huggingface = "huggingface"
    parquet = "parquet"
    csv = "csv"


class _Format(StrEnum):
    png = "png"
    jpg = "jpg"


class _Fit(StrEnum):
    pad = "pad"
    crop = "crop"
    stretch = "stretch"


class _Window(StrEnum):
    full = "full"
    percentile = "percentile"
    dicom = "dicom"


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module to an app."""
    app.command()(export)


def export(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of a recorded dataset.")],
    folder: Annotated[Path, typer.Argument(help="New or empty folder to write to.")],
    form: Annotated[_Form, typer.Option("--as", help="Form of the export.")] = _Form.folders,
    copy: Annotated[bool, typer.Option("--copy", help="Copy the image files.")] = False,
    hardlink: Annotated[bool, typer.Option("--hardlink", help="Link the files hard.")] = False,
    shard_size: Annotated[
        str | None,
        typer.Option(
            "--shard-size",
            metavar="BYTES",
            help="Most bytes of a file of many images; of Parquet about.",
            show_default="1GB",
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option("--size", metavar="PIXELS", help="Shrink images to this longer side."),
    ] = None,
    fit: Annotated[
        _Fit | None, typer.Option("--fit", help="Make all images squares of --size.")
    ] = None,
    bits: Annotated[
        int | None, typer.Option("--bits", metavar="8|16", help="Bits a pixel of new files.")
    ] = None,
    file_format: Annotated[
        _Format | None, typer.Option("--format", help="Write new files of this format.")
    ] = None,
    quality: Annotated[int, typer.Option("--quality", help="Of a JPEG, 1 to 100.")] = 90,
    window: Annotated[
        _Window, typer.Option("--window", help="What becomes black and white in 8 bits.")
    ] = _Window.full,
    invert_monochrome1: Annotated[
        bool, typer.Option("--invert-monochrome1", help="Make low values black where they're not.")
    ] = False,
    augment: Annotated[
        int, typer.Option("--augment", metavar="N", help="Add N variants of each train image.")
    ] = 0,
    flip: Annotated[
        bool, typer.Option("--flip", help="Mirror half of the variants; the heart lies left.")
    ] = False,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            metavar="NAME,…",
            help="Add columns of images to each example, such as report,age,sex.",
        ),
    ] = None,
    images: Annotated[
        Path | None, typer.Option("--images", help="Folder of the images, if it was moved.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be written; write nothing.")
    ] = False,
    store: StoreOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write a dataset as folders of images, in files of many images, or as a manifest.

    folders are DIR/<split>/<class>/<image>, which torchvision's ImageFolder reads, webdataset is
    tar files, huggingface is Parquet that datasets.load_dataset opens, parquet and csv are a
    manifest alone. Files in folders are linked to, unless they are copied; any form writes images
    anew as --size, --bits or --format ask. What a stopped export wrote is kept, and the same
    command goes on from there. Images that can't be read are left out and named, and the exit code
    is then 1.
    """
    from cxr_duck.cli.progress_bar import TerminalProgress
    from cxr_duck.experiment_data import ExperimentData

    if copy and hardlink:
        raise typer.BadParameter("--copy and --hardlink can't both be done")
    if file_format is not _Format.jpg:
        refuse_idle(context, "quality", "only a JPEG has a quality: ask for --format jpg with it")
    if form not in (_Form.webdataset, _Form.huggingface):
        refuse_idle(context, "shard_size", "only webdataset and huggingface have shards")
    report = ExperimentData(images, store=store, progress=TerminalProgress()).export(
        name,
        folder,
        how="copy" if copy else "hardlink" if hardlink else "symlink",
        form=form.value,
        shard_size=shard_size,
        dry_run=dry_run,
        size=size,
        bits=bits,
        format=file_format.value if file_format else None,
        quality=quality,
        window=window.value,
        invert_monochrome1=invert_monochrome1,
        augment=augment,
        flip=flip,
        fit=fit.value if fit else None,
        columns=[column.strip() for column in (columns or "").split(",") if column.strip()],
    )
    print(json.dumps(report) if as_json else _told(report, name, folder, dry_run))
    if report["unread"]:
        raise typer.Exit(1)


def _told(report: dict[str, Any], name: str, folder: Path, dry_run: bool) -> str:
    """Say in a line what was written, or would be."""
    if dry_run:
        return (
            f"would write {report['images']:,} images of {name} as {report['form']} to {folder}: "
            f"{report['files']:,} files, about {report['bytes'] / 1e6:,.1f} MB"
        )
    if not report["images"]:
        what = "manifest" if report["form"] in ("parquet", "csv") else "manifests"
        return f"the {what} of {name} in {folder}; no image files"
    told = f"{report['images']:,} images of {name} in {folder}"
    if report["form"] == "folders" and report["files"] > report["images"]:
        told += f", as {report['files']:,} files: an image of several classes lies in each"
    return told
