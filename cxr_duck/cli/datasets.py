"""The commands `cxr create`, `datasets`, `show` and `reproduce`, which make and list datasets."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cxr_duck.cli.dataset_tables import print_dataset, print_plan
from cxr_duck.cli.options import HierarchyOption, StoreOption
from cxr_duck.cli.parsing import named_queries, named_shares, refuse_idle, sizes_of

if TYPE_CHECKING:
    from cxr_duck.datasets.record.reproduction import Reproduction
    from cxr_duck.experiment_data import ExperimentData

__all__ = ["add_to"]

_Name = Annotated[str, typer.Argument(help="Name of a recorded dataset.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module to an app."""
    for command in (create, datasets, show, reproduce):
        app.command()(command)


def create(
    context: typer.Context,
    terms: Annotated[
        list[str] | None, typer.Argument(metavar="TERM", help="Each becomes a class.")
    ] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--class", metavar="NAME=QUERY", help="A class of a query's images; may be repeated."
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            "--exclude",
            metavar="TERM|QUERY",
            help="Leave out images with it; may be repeated.",
        ),
    ] = None,
    pure: Annotated[bool, typer.Option("--pure", help="Only images with one finding.")] = False,
    where: Annotated[
        str | None, typer.Option("--where", help="SQL condition on the columns of images.")
    ] = None,
    hierarchy: HierarchyOption = "padchest",
    seed: Annotated[int, typer.Option("--seed", help="Number that chance is drawn from.")] = 1,
    overlap: Annotated[
        str, typer.Option("--overlap", help="Images of several classes: drop, first or keep.")
    ] = "drop",
    balance: Annotated[
        str, typer.Option("--balance", help="Sizes of the classes: equal, none, or such as 2:1.")
    ] = "equal",
    findings: Annotated[
        str, typer.Option("--findings", help="Within a class: proportional or equal.")
    ] = "proportional",
    unit: Annotated[
        str, typer.Option("--unit", help="What is counted: image, study or patient.")
    ] = "image",
    per_patient: Annotated[
        int | None, typer.Option("--per-patient", help="Most images of a patient and class.")
    ] = None,
    shares: Annotated[
        str | None,
        typer.Option(
            "--shares",
            metavar="SPLIT=N,…",
            help="Splits and their shares.",
            show_default="train=70,valid=20,test=10",
        ),
    ] = None,
    by_date: Annotated[
        str | None,
        typer.Option(
            "--by-date", metavar="DATE,…", help="First days of the splits after the first."
        ),
    ] = None,
    folds: Annotated[int | None, typer.Option("--folds", help="Make so many equal splits.")] = None,
    keep_apart: Annotated[
        str | None,
        typer.Option(
            "--keep-apart", metavar="DATASET", help="No patient of its train comes to this test."
        ),
    ] = None,
    physician_test: Annotated[
        bool,
        typer.Option(
            "--physician-test", help="Only images labelled by hand after the first split."
        ),
    ] = False,
    twins: Annotated[
        str,
        typer.Option("--twins", help="Patients who have twin images: ignore, or deal together."),
    ] = "ignore",
    stratify: Annotated[
        list[str] | None,
        typer.Option(
            "--stratify",
            metavar="COLUMN[:STEP]",
            help="Splits are near in it too, such as sex or age:10; may be repeated.",
        ),
    ] = None,
    match: Annotated[
        list[str] | None,
        typer.Option(
            "--match",
            metavar="COLUMN[:STEP]",
            help="Classes have the same numbers in each value of it; may be repeated.",
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            "--size", metavar="N|SPLIT=N,…", help="Most images of a class; sizes are nested."
        ),
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option("--recipe", metavar="FILE", help="Take all that from a TOML file instead."),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Show what would be made and what is left out; record it not."
        ),
    ] = False,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the dataset.", show_default="of the terms")
    ] = None,
    experiment: Annotated[
        str | None,
        typer.Option("--experiment", help="Experiment it belongs to.", show_default="default"),
    ] = None,
    store: StoreOption = None,
    as_json: _Json = False,
) -> None:
    """Make and record a balanced, patient-disjoint dataset.

    Classes get the same number of images, 70/20/10 in train, valid and test, unless asked
    otherwise.
    """
    data = _data(store, context.obj)
    if recipe is not None:
        _refuse_options(context)
        dataset = data.create_from_recipe(
            recipe, name=name, experiment=experiment, store_it=not dry_run
        )
    else:
        dataset = data.create_dataset(
            terms or [],
            classes=named_queries(classes or []),
            exclude=exclude or [],
            pure=pure,
            where=where,
            hierarchy=hierarchy,
            seed=seed,
            overlap=overlap,
            balance=balance,
            findings=findings,
            unit=unit,
            per_patient=per_patient,
            shares=named_shares(shares),
            by_date=() if by_date is None else [day.strip() for day in by_date.split(",")],
            folds=folds,
            keep_apart=keep_apart,
            physician_test=physician_test,
            twins=twins,
            stratify=stratify or [],
            match=match or [],
            size=sizes_of(size),
            name=name,
            experiment="default" if experiment is None else experiment,
            store_it=not dry_run,
        )
    if dry_run:
        print_plan(dataset, as_json)
    else:
        print_dataset(dataset, as_json)


_BESIDE_A_RECIPE = {"recipe", "dry_run", "name", "experiment", "store", "as_json"}


def _refuse_options(context: typer.Context) -> None:
    """Refuse options that a recipe file would have to give."""
    for name in context.params.keys() - _BESIDE_A_RECIPE:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(
                f"{name.replace('_', '-')} stands in the recipe file or on the command line, "
                "not in both: leave --recipe or the option out"
            )


def datasets(store: StoreOption = None, as_json: _Json = False) -> None:
    """List the recorded datasets."""
    from cxr_duck.cli.output import print_table

    rows = _data(store).datasets()
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=2, default=str))
    elif not rows:
        print("no dataset is recorded yet; 'cxr create' makes one", file=sys.stderr)
    else:
        columns = ("name", "experiment", "classes", "images", "removed", "seed", "pure", "digest")
        print_table(
            columns,
            [[row[c][:12] if c == "digest" else row[c] for c in columns] for row in rows],
        )


def show(
    context: typer.Context,
    name: _Name,
    as_toml: Annotated[
        bool, typer.Option("--toml", help="Print the recipe file that asks for it.")
    ] = False,
    store: StoreOption = None,
    as_json: _Json = False,
) -> None:
    """Show the recipe and composition of a dataset."""
    data = _data(store)
    if as_toml:
        refuse_idle(context, "as_json", "--toml prints the recipe file alone")
        print(data.recipe_file(name), end="")
    else:
        print_dataset(data.dataset(name), as_json, recipe=True)


def reproduce(
    context: typer.Context, name: _Name, store: StoreOption = None, as_json: _Json = False
) -> None:
    """Make a dataset again and compare it with its record.

    Prints what differs, and then exits with 1.
    """
    data = _data(store, context.obj)
    found = data.reproduce(name)
    as_recorded = found.sound and not found.dataset.removed
    same = found.same or (as_recorded and found.made is None and found.excused)
    if as_json:
        print(json.dumps(_reproduction_as_json(found), indent=2))
    elif found.differences:
        from cxr_duck.cli.output import print_table

        print_table(_DIFFERENCE, found.differences)
    changed = f"since it was made, {', '.join(found.changes)}" if found.changes else ""
    images = f"{found.dataset.images():,} images, digest {found.dataset.digest}"
    if found.made is None and found.excused:
        print(
            f"{name} can't be made anew, since {_why_not(found)}"
            + (f": {changed}" if changed else ""),
            file=sys.stderr,
        )
        if as_recorded and not as_json:
            print(f"{name} was rebuilt from its recorded members: the same {images}")
    elif found.same and not as_json:
        print(f"{name} was made again: the same {images}")
    if not same:
        print(f"{name} {_trouble(found)}", file=sys.stderr)
        raise typer.Exit(1)


_DIFFERENCE = ("class", "finding", "image_id", "recorded_split", "made_split")


def _why_not(found: "Reproduction") -> str:
    if not found.dataset.decisions.quotas:
        return "it came with a bundle, which holds its members alone"
    return "the store has other images of its recipe"


def _trouble(found: "Reproduction") -> str:
    """Say what keeps a dataset from being what its record says."""
    if not found.sound:
        return "has other members than those its digest was taken over: 'cxr check-store' says more"
    if found.dataset.removed:
        return f"lacks {found.dataset.removed:,} images, which were removed from the store"
    if found.made is None:
        return (
            "can't be made again, though nothing was done to the store's images: the record or "
            "cxr-duck was changed"
        )
    made = found.made.digest
    return (
        f"differs from its record in {len(found.differences):,} members: the record or cxr-duck "
        f"was changed; recorded digest {found.dataset.digest}, made {made}"
    )


def _reproduction_as_json(found: "Reproduction") -> dict[str, Any]:
    return {
        "recorded": found.dataset.digest,
        "made": found.made.digest if found.made else None,
        "sound": found.sound,
        "removed": found.dataset.removed,
        "changes": found.changes,
        "differences": [dict(zip(_DIFFERENCE, row, strict=True)) for row in found.differences],
    }


def _data(store: str | None, engine: str = "duckdb") -> "ExperimentData":
    from cxr_duck.cli.progress_bar import TerminalProgress
    from cxr_duck.experiment_data import ExperimentData

    return ExperimentData(store=store, engine=engine, progress=TerminalProgress())
