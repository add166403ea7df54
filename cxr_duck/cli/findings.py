"""The commands `cxr findings`, `pairs` and `why`: counts, associations, one image's facts."""

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cxr_duck.cli.options import DamagedOption, Format, HierarchyOption, LimitOption, StoreOption
from cxr_duck.cli.parsing import refuse_idle

if TYPE_CHECKING:
    from cxr_duck.index.image_facts import ImageFacts

__all__ = ["add_to"]

_Format = Annotated[Format, typer.Option("--format", help="How to print the rows.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module to an app."""
    app.command()(findings)
    app.command()(pairs)
    app.command()(why)


def findings(
    form: _Format = Format.table,
    limit: LimitOption = None,
    damaged: DamagedOption = False,
    store: StoreOption = None,
) -> None:
    """List the findings of the index, the most frequent first.

    Images, patients and studies with each, the share of its images labelled by hand, and which are
    PadChest's differential diagnoses.
    """
    from cxr_duck.cli.output import print_arrow
    from cxr_duck.experiment_data import ExperimentData

    print_arrow(ExperimentData(store=store).findings(damaged=damaged), form, limit)


def pairs(
    context: typer.Context,
    term: Annotated[str, typer.Argument(help="A finding; a term of a hierarchy with --under.")],
    under: Annotated[
        bool, typer.Option("--under", help="Any finding at or below the term of the hierarchy.")
    ] = False,
    hierarchy: HierarchyOption = "padchest",
    unit: Annotated[
        str, typer.Option("--unit", help="What is counted: image, study or patient.")
    ] = "study",
    damaged: DamagedOption = False,
    form: _Format = Format.table,
    limit: LimitOption = None,
    store: StoreOption = None,
) -> None:
    """List the findings that stand beside a finding, the strongest association first.

    Lift is 1 where two findings don't depend on each other; p is Fisher's, two-sided, and q is p
    adjusted for the number of findings. Labels belong to a study; its images repeat them.
    """
    from cxr_duck.cli.output import print_arrow
    from cxr_duck.experiment_data import ExperimentData

    if not under:
        refuse_idle(context, "hierarchy", "a finding is in none; it is for --under")
    data = ExperimentData(store=store)
    found = data.pairs(term, under=under, hierarchy=hierarchy, unit=unit, damaged=damaged)
    print_arrow(found.table, form, limit, logarithms={"p": "log10_p", "q": "log10_q"})
    units = {"image": "images", "study": "studies", "patient": "patients"}[unit]
    print(f"{term}: {found.asked:,} of {found.observed:,} {units}", file=sys.stderr)


def why(
    image_id: Annotated[str, typer.Argument(help="An image's id, or how it alone begins.")],
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="Why it is or isn't in this dataset.")
    ] = None,
    store: StoreOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with all columns.")] = False,
) -> None:
    """Tell all that is known of an image, and why it is or isn't in a dataset."""
    from dataclasses import asdict

    from cxr_duck.experiment_data import ExperimentData

    facts = ExperimentData(store=store).why(image_id, dataset)
    if as_json:
        print(json.dumps(asdict(facts), ensure_ascii=False, indent=2, default=str))
    else:
        _print_facts(facts)


def _print_facts(facts: "ImageFacts") -> None:
    from cxr_duck.cli.output import print_table

    for key, value in _lines(facts):
        print(f"{key:<11}{value}".rstrip())
    quoted = [{**row, "label": repr(row["label"])} for row in facts.labels]
    for rows in (quoted, facts.postings, facts.datasets):
        if rows:
            print()
            print_table(list(rows[0]), [list(row.values()) for row in rows])
    if facts.verdict is not None:
        place = "in" if facts.verdict.member else "not in"
        print(f"\n{place} {facts.verdict.dataset}: {facts.verdict.told}")


def _test(facts: "ImageFacts") -> str:
    """Return what the test of an image's file found, to stand behind its path."""
    check = facts.check
    if check is None or check["reason"] == "missing":
        return ""
    found = "ok" if check["verdict"] == "ok" else f"{check['verdict']}: {check['told']}"
    return f" ({found}{'' if check['whole'] else ', tested quickly'})"


def _lines(facts: "ImageFacts") -> list[tuple[str, str]]:
    """Return what is said of an image in a line each: (what, text)."""
    refused = [
        line
        for row in facts.rejects
        for line in (
            ("refused", f"row {row['row']:,} of {row['file']}: {row['reason']}"),
            ("", row["raw"]),
        )
    ]
    image = facts.image
    if image is None:
        gone = "it was removed from the store" if facts.removed else "it has no row of this image"
        return [("image", facts.image_id), ("index", gone), *refused]
    files = {True: image["path"], False: "missing", None: "not looked for"}
    person = (image["sex"], None if image["age"] is None else f"{image['age']} years")
    cuis = [*(image["label_cuis"] or []), *(image["localization_cuis"] or [])]
    counts = (
        f"{facts.patient_studies:,} {'study' if facts.patient_studies == 1 else 'studies'}, "
        f"{facts.patient_images:,} {'image' if facts.patient_images == 1 else 'images'}"
    )
    return [
        ("image", facts.image_id),
        ("patient", f"{image['patient_id']}: {counts}"),
        ("study", f"{image['study_id']}: {image['study_date'] or 'no date'}"),
        *(("", f"also {other}") for other in facts.study_images),
        ("taken", ", ".join(word for word in (image["projection"], *person) if word)),
        ("labelled", f"by {image['label_method']}: {image['labels_text']}"),
        ("findings", ", ".join(image["findings"]) or "none"),
        ("CUIs", ", ".join(dict.fromkeys(cui for cui in cuis if cui)) or "none"),
        ("file", f"{files[image['present']]}{_test(facts)}"),
        *refused,
    ]
