"""The card of an export: its README.md, as far as Hugging Face's front matter."""

import json

from cxr_duck import __version__
from cxr_duck.datasets import composition_rows
from cxr_duck.export.facts import CITATION, LICENSE_URL, ExportFacts

__all__ = ["card"]

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))
_TERMS = f"""\
The images and labels of PadChest may be used under the terms of its authors,
<{LICENSE_URL}>, which forbid sharing them: this folder is for you alone. `cxr bundle {{name}} FILE`
writes a file without any image or label, from which another holder of PadChest makes the same
dataset. Whoever publishes results is asked to cite:"""


def card(facts: ExportFacts) -> str:
    """Return the card of an export, in Markdown; the same facts give the same text.

    Where the form is huggingface it begins with the front matter that `load_dataset` reads.
    """
    parts = [
        f"# {facts.dataset.name}",
        _summary(facts),
        "## Composition",
        _table(facts),
        *_left_out(facts),
        "## Files",
        "\n".join(f"- `{pattern}`: {what}" for pattern, what in facts.files.items()),
        "## How it was made",
        _origin(facts),
        "## Licence and citation",
        _TERMS.format(name=facts.dataset.name),
        f"```bibtex\n{CITATION}\n```",
    ]
    front = _front_matter(facts) if facts.form == "huggingface" else ""
    return front + "\n\n".join(parts) + "\n"


def _summary(facts: ExportFacts) -> str:
    recipe = facts.dataset.recipe
    classes = ", ".join(f"`{name}`" for name in sorted(recipe.classes))
    return (
        f"Chest X-rays of {len(recipe.classes)} classes, {classes}, in the splits "
        f"{', '.join(f'`{split}`' for split in recipe.shares)}; no patient is in two splits. "
        f"{facts.examples:,} examples."
    )


def _table(facts: ExportFacts) -> str:
    """Return the images a class, finding and split."""
    splits = list(facts.dataset.recipe.shares)
    lines = [
        f"| class / finding | {' | '.join(splits)} | all |",
        f"|---|{'---:|' * (len(splits) + 1)}",
    ]
    for label, _, numbers in composition_rows(facts.dataset):
        finding = label.startswith("  ")
        name = label.strip().replace("|", "\\|")
        cells = " | ".join(f"{number:,}" for number in [*numbers, sum(numbers)])
        lines.append(f"| {'&nbsp;&nbsp;' + name if finding else f'**{name}**'} | {cells} |")
    return "\n".join(lines)


def _left_out(facts: ExportFacts) -> list[str]:
    if not facts.left_out:
        return []
    reasons = "; ".join(f"{images:,} {reason}" for reason, images in facts.left_out.items())
    return [f"Of the images in this table some are not here: {reasons}."]


def _origin(facts: ExportFacts) -> str:
    """Return the commands, versions and digests."""
    dataset = facts.dataset
    return f"""\
| | |
|---|---|
| digest | `{dataset.digest}` |
| seed | {dataset.recipe.seed} |
| label file, SHA-256 | `{dataset.label_file_sha256}` |
| dataset made by | {facts.made_with}, on {facts.made_on.isoformat()} |
| export written by | cxr-duck {__version__} |

```console
$ cxr create --recipe recipe.toml
$ {facts.command}
```

```toml
# recipe.toml
{facts.recipe.strip()}
```"""


def _front_matter(facts: ExportFacts) -> str:
    """Return the YAML that Hugging Face reads; every JSON string is one of YAML too."""
    size = next((name for most, name in _SIZES if facts.examples < most), "100K<n<1M")
    lines = [
        f"pretty_name: {json.dumps(facts.dataset.name, ensure_ascii=False)}",
        "license: other",
        "license_name: padchest",
        f"license_link: {LICENSE_URL}",
        "task_categories:",
        "- image-classification",
        "size_categories:",
        f"- {size}",
        "configs:",
        "- config_name: default",
        "  data_files:",
    ]
    for split in facts.dataset.recipe.shares:
        lines += [f"  - split: {json.dumps(split)}", f"    path: {json.dumps(_shards(split))}"]
    return "---\n" + "\n".join(lines) + "\n---\n\n"


def _shards(split: str) -> str:
    return f"data/{split}-?????-of-?????.parquet"
