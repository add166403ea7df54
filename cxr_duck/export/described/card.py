"""The card of an export, its README.md: what it is, how it was made, under which terms."""

import json
import re
import shlex
from collections import Counter
from dataclasses import fields

from cxr_duck.datasets.dataset import composition_rows
from cxr_duck.datasets.recipes.toml import recipe_as_toml
from cxr_duck.export.handout import Handout, split_names, train_split
from cxr_duck.export.options import SHARD_SIZE, ExportOptions
from cxr_duck.export.rendering import Rendering
from cxr_duck.sources.padchest import CITATION, TERMS_URL
from cxr_duck.version import __version__

__all__ = ["card"]

_SIZES = (
    (10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"), (float("inf"), "n>10M"),
)  # fmt: skip
_TERMS = f"""\
The images and labels of PadChest may be used under the terms of its authors,
<{TERMS_URL}>, which forbid sharing them: this folder is for you alone. From the file that
`cxr bundle {{name}} FILE` writes, which has no image and no label, another holder of PadChest makes
the same dataset. Whoever publishes results is asked to cite:"""


_NAMED = 20  # images that could not be read, of which all are in unread.csv
_FITS = {
    "pad": "the whole film in its proportions, in the middle of black",
    "crop": "the middle of the film, as wide as its shorter side",
    "stretch": "the whole film, without its proportions",
}
_RANGE = (
    "Black is 0, and white is the most that the bits of a pixel can hold: those that the DICOM "
    "file says are used, or else the label file; where values of 16 bits are above these, they "
    "stand at the top, and white is 65,535; where nothing says it, white is the most of the fewest "
    "bits of a detector (8, 10, 12, 14, 16) that hold the film."
)
# How each form is read in Python, all bits of its pixels; DIR is the export's folder.
_READ = {
    "webdataset": """\
import glob, io
import numpy, webdataset
from PIL import Image

def pixels(data):
    return numpy.asarray(Image.open(io.BytesIO(data)))

tars = sorted(glob.glob("DIR/SPLIT-[0-9][0-9][0-9][0-9][0-9][0-9].tar"))
pairs = webdataset.WebDataset(tars, shardshuffle=False).to_tuple("png;jpg;jpeg", "cls")
pairs = pairs.map_tuple(pixels, int)""",
    "webdataset, several": """\
import glob, io
import numpy, webdataset
from PIL import Image

def pixels(data):
    return numpy.asarray(Image.open(io.BytesIO(data)))

def classes(data):
    return numpy.load(io.BytesIO(data))

tars = sorted(glob.glob("DIR/SPLIT-[0-9][0-9][0-9][0-9][0-9][0-9].tar"))
pairs = webdataset.WebDataset(tars, shardshuffle=False).to_tuple("png;jpg;jpeg", "npy")
pairs = pairs.map_tuple(pixels, classes)""",
    "huggingface": """\
import datasets

dataset = datasets.load_dataset("DIR")
pairs = dataset["SPLIT"].select_columns(["image", "label"])""",
    "huggingface, several": """\
import datasets

dataset = datasets.load_dataset("DIR")
pairs = dataset["SPLIT"].select_columns(["image", "labels"])""",
    "parquet": """\
import polars

manifest = polars.read_parquet("DIR/manifest.parquet")""",
    "csv": """\
import polars

ids = dict.fromkeys(["image_id", "patient_id", "study_id"], polars.String)
manifest = polars.read_csv("DIR/manifest.csv", schema_overrides=ids)""",
    "folders": """\
import numpy, polars
from PIL import Image

rows = polars.read_parquet("DIR/manifest.parquet").filter(split="SPLIT")

def pair(row):
    return numpy.asarray(Image.open(f"DIR/{row['file']}")), row["class"]""",
}


def card(source: Handout, options: ExportOptions, files: dict[str, str]) -> str:
    """Return the card of an export, in Markdown; the same export gives the same text.

    `files` says of each pattern of names what these files are. Where the form is huggingface the
    card begins with the front matter that `load_dataset` reads.
    """
    name = source.dataset.name
    parts = [
        f"# {name}",
        _summary(source),
        "## Composition",
        _table(source),
        "## What else tells classes and splits apart",
        *_differences(source),
        *_left_out(source),
        *_empty(source),
        "## Files",
        "\n".join(f"- `{pattern}`: {what}" for pattern, what in files.items()),
        "## Read it",
        _reading(source, options),
        "## How it was made",
        *_pixels(options.rendering),
        _origin(source, options),
        "## Licence and citation",
        _TERMS.format(name=name),
        f"```bibtex\n{CITATION}\n```",
    ]
    front = _front_matter(source) if options.form == "huggingface" else ""
    return front + "\n\n".join(parts) + "\n"


def _summary(source: Handout) -> str:
    """Return what the dataset is; but for folders an image is one example of all its classes."""
    recipe = source.dataset.recipe
    manifest = source.manifest
    variants = 0
    if "parent" in manifest.column_names:
        variants = manifest.num_rows - manifest.column("parent").null_count
    varied = f", {variants:,} of them variants of images of `{train_split([*recipe.shares])}`"
    classes = ", ".join(f"`{name}`" for name in source.classes)
    told = f"{manifest.num_rows:,} examples{varied if variants else ''}"
    if source.multilabel:
        told += ", each with all its classes"
    elif source.images < manifest.num_rows:
        told += f" of {source.images:,} images: one of several classes is an example of each"
    return (
        f"Chest X-rays of {len(recipe.classes)} classes, {classes}, in the splits "
        f"{', '.join(f'`{split}`' for split in recipe.shares)}; no patient is in two splits. "
        f"The index of a class is its place in this list, from 0. {told}."
    )


def _table(source: Handout) -> str:
    """Return the images a class, finding and split."""
    splits = list(source.dataset.recipe.shares)
    lines = [
        f"| class / finding | {' | '.join(splits)} | all |",
        f"|---|{'---:|' * (len(splits) + 1)}",
    ]
    for label, _, numbers in composition_rows(source.dataset):
        finding = label.startswith("  ")
        name = label.strip().replace("|", "\\|")
        cells = " | ".join(f"{number:,}" for number in [*numbers, sum(numbers)])
        lines.append(f"| {'&nbsp;&nbsp;' + name if finding else f'**{name}**'} | {cells} |")
    return "\n".join(lines)


def _differences(source: Handout) -> list[str]:
    """Return how classes and splits differ in what is no finding: a table, and sentences."""
    header, rows = source.covariates.table()
    lines = [f"| {' | '.join(header)} |", f"|---|{'---|' * (len(header) - 1)}"]
    lines += [f"| {' | '.join(map(_plain, row))} |" for row in rows]
    told = [f"- {_plain(sentence)}" for sentence in source.covariates.sentences()]
    return ["\n".join(lines)] * bool(rows) + ["\n".join(told)]


def _plain(text: str) -> str:
    """Return a text that Markdown shows as it is, in a cell too."""
    return re.sub(r"([*|])", r"\\\1", text)


def _reading(source: Handout, options: ExportOptions) -> str:
    """Return Python that reads the split to train on, or the first where none is."""
    splits = list(source.dataset.recipe.shares)
    split = train_split(splits) or splits[0]
    name = split_names([split])[split] if options.form == "huggingface" else split
    form = options.form if source.folder or options.form == "csv" else "parquet"
    several = f"{form}, several"
    read = _READ[several if source.multilabel and several in _READ else form]
    return f"```python\n{read.replace('SPLIT', name)}\n```"


def _left_out(source: Handout) -> list[str]:
    """Return sentences on the images that aren't here, and on those without a DICOM window."""
    reasons = [f"{images:,} {reason}" for reason, images in source.left_out.items()]
    told = []
    if reasons:
        told.append(
            f"Not all of these images are here: {'; '.join(reasons)}. "
            f"What is here: {_here(source)}."
        )
    if source.unread:
        named = [f"`{image.image_id}` ({_plain(image.reason)})" for image in source.unread[:_NAMED]]
        more = f", and {len(source.unread) - _NAMED:,} more" if source.unread[_NAMED:] else ""
        told.append(f"Could not be read: {', '.join(named)}{more}; see `unread.csv`.")
    if source.without_window:
        told.append(
            f"{source.without_window:,} images have no DICOM window and got the full range."
        )
    return told


def _here(source: Handout) -> str:
    """Return the images that are here by split and class."""
    images = source.image_ids()
    members = source.dataset.members.select(["split", "class", "image_id"])
    rows = {*zip(*(column.to_pylist() for column in members.columns), strict=True)}
    counts = Counter((split, name) for split, name, image in rows if image in images)
    classes = sorted(source.dataset.recipe.classes)
    return "; ".join(
        f"{split} " + ", ".join(f"{counts[split, name]:,} {name}" for name in classes)
        for split in source.dataset.recipe.shares
    )


def _empty(source: Handout) -> list[str]:
    """Return a sentence where a split has no images."""
    filled = set(source.manifest.column("split").to_pylist())
    empty = [f"`{split}`" for split in source.dataset.recipe.shares if split not in filled]
    if not empty:
        return []
    of = "them" if empty[1:] else "it"
    return [f"No image is in {', '.join(empty)}: there are no files of {of}."]


def _pixels(rendering: Rendering) -> list[str]:
    """Return sentences on what was done to the pixels of images that were written anew."""
    told = []
    if rendering.fit is not None:
        told.append(
            f"Each image has {rendering.size} x {rendering.size} pixels: {_FITS[rendering.fit]}."
        )
    if (rendering.in_8_bits or rendering.bits == 16) and rendering.window == "full":
        told.append(_RANGE)
    return [" ".join(told)] if told else []


def _origin(source: Handout, options: ExportOptions) -> str:
    """Return the commands, versions and digests."""
    dataset, record = source.dataset, source.record
    made_by = f"cxr-duck {record.package_version}, DuckDB {record.duckdb_version}"
    here = f"\n| digest of what is here | `{source.digest()}` |" if source.left_out else ""
    recipe = recipe_as_toml(dataset.recipe, dataset.name, record.experiment).strip()
    return f"""\
| | |
|---|---|
| digest | `{dataset.digest}` |{here}
| seed | {dataset.recipe.seed} |
| label file, SHA-256 | `{dataset.label_file_sha256}` |
| dataset made by | {made_by}, on {record.day.isoformat()} |
| export written by | cxr-duck {__version__} |

```console
$ cxr create --recipe recipe.toml
$ {_command(dataset.name, options)}
```

```toml
# recipe.toml
{recipe}
```"""


def _command(name: str, options: ExportOptions) -> str:
    """Return the command that writes the export again."""
    words = ["cxr", "export", name, "DIR", "--as", options.form]
    if options.how != "symlink":
        words.append(f"--{options.how}")
    if options.shard_size != SHARD_SIZE:
        words += ["--shard-size", str(options.shard_size)]
    for option in fields(Rendering):
        value = getattr(options.rendering, option.name)
        if value != option.default:
            words.append(f"--{option.name.replace('_', '-')}")
            words += [] if value is True else [str(value)]
    return shlex.join(words)


def _front_matter(source: Handout) -> str:
    """Return the YAML that Hugging Face reads; every JSON string is one of YAML too."""
    lines = [
        f"pretty_name: {json.dumps(source.dataset.name, ensure_ascii=False)}",
        "license: other",
        "license_name: padchest",
        f"license_link: {TERMS_URL}",
        "task_categories:",
        "- image-classification",
        *(["task_ids:", "- multi-label-image-classification"] if source.multilabel else []),
        "size_categories:",
        f"- {next(name for most, name in _SIZES if source.manifest.num_rows < most)}",
        "configs:",
        "- config_name: default",
        "  data_files:",
    ]
    filled = set(source.manifest.column("split").to_pylist())  # a split without files fails
    for name, split in split_names(list(source.dataset.recipe.shares)).items():
        if name not in filled:
            continue
        lines += [f'  - split: "{split}"', f'    path: "data/{split}-?????-of-?????.parquet"']
    return "---\n" + "\n".join(lines) + "\n---\n\n"
