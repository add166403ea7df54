"""cxr create, datasets, show, reproduce and export."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cxr_duck.cli.options import HierarchyOption, StoreOption

if TYPE_CHECKING:
    from cxr_duck.datasets import Dataset
    from cxr_duck.experiment_data import ExperimentData

__all__ = ["add_to", "named_queries"]

_Name = Annotated[str, typer.Argument(help="Name of a recorded dataset.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module to an app."""
    for command in (create, datasets, show, reproduce, export):
        app.command()(command)


def create(
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
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the dataset.", show_default="of the terms")
    ] = None,
    experiment: Annotated[
        str, typer.Option("--experiment", help="Experiment that it belongs to.")
    ] = "default",
    store: StoreOption = None,
    as_json: _Json = False,
) -> None:
    """Make and record a balanced, patient-disjoint dataset.

    Classes get the same number of images, 70/20/10 in train, valid and test.
    """
    data = _data(store)
    dataset = data.create_dataset(
        terms or [],
        classes=named_queries(classes or []),
        exclude=exclude or [],
        pure=pure,
        where=where,
        hierarchy=hierarchy,
        seed=seed,
        name=name,
        experiment=experiment,
    )
    _print_dataset(dataset, as_json)


def named_queries(options: list[str]) -> dict[str, str]:
    """Return the queries of options NAME=QUERY by their names."""
    queries: dict[str, str] = {}
    for option in options:
        name, equals, query = (part.strip() for part in option.partition("="))
        if not name or not equals:
            raise typer.BadParameter(f"--class takes NAME=QUERY, not {option!r}")
        if name in queries:
            raise typer.BadParameter(f"the class {name!r} is given twice")
        queries[name] = query
    return queries


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


def show(name: _Name, store: StoreOption = None, as_json: _Json = False) -> None:
    """Show the recipe and composition of a dataset."""
    _print_dataset(_data(store).dataset(name), as_json, recipe=True)


def reproduce(name: _Name, store: StoreOption = None, as_json: _Json = False) -> None:
    """Make a dataset again and compare it with its record.

    Prints what differs, and then exits with 1.
    """
    data = _data(store)
    recorded, made, differences = data.reproduce(name)
    columns = ("class", "finding", "image_id", "recorded_split", "made_split")
    if as_json:
        found = [dict(zip(columns, row, strict=True)) for row in differences]
        print(
            json.dumps(
                {"recorded": recorded.digest, "made": made.digest, "differences": found}, indent=2
            )
        )
    elif not differences:
        print(f"{name} was made again: the same {made.images():,} images, digest {made.digest}")
    else:
        from cxr_duck.cli.output import print_table

        print_table(columns, differences)
        print(
            f"{name} differs from its record in {len(differences):,} members: "
            f"{_cause(data, recorded)}; recorded digest {recorded.digest}, made {made.digest}",
            file=sys.stderr,
        )
    if differences:
        raise typer.Exit(1)


def _cause(data: "ExperimentData", recorded: "Dataset") -> str:
    from cxr_duck.experiments import changes_since

    if changes := changes_since(data.store, recorded.publication):
        return f"since it was made, {', '.join(changes)}"
    return "the record was changed: 'cxr check-store' says more"


def export(
    name: _Name,
    folder: Annotated[Path, typer.Argument(help="New or empty folder to write to.")],
    copy: Annotated[bool, typer.Option("--copy", help="Copy the image files.")] = False,
    hardlink: Annotated[bool, typer.Option("--hardlink", help="Link the files hard.")] = False,
    images: Annotated[
        Path | None, typer.Option("--images", help="Folder of the images, if it was moved.")
    ] = None,
    store: StoreOption = None,
) -> None:
    """Write a dataset as folders of images and manifests.

    DIR/<split>/<class>/<image> is what torchvision's ImageFolder reads.
    """
    if copy and hardlink:
        raise typer.BadParameter("--copy and --hardlink can't both be done")
    how = "copy" if copy else "hardlink" if hardlink else "symlink"
    data = _data(store, images)
    report = data.export(name, folder, how=how)
    print(
        f"{report['images']:,} images of {name} in {folder}"
        if report["images"]
        else f"the manifests of {name} in {folder}; no image files"
    )


def _data(store: Path | None, images: Path | None = None) -> "ExperimentData":
    from cxr_duck.cli.output import TerminalProgress
    from cxr_duck.experiment_data import ExperimentData

    return ExperimentData(images, store=store, progress=TerminalProgress())


def _print_dataset(dataset: "Dataset", as_json: bool, recipe: bool = False) -> None:
    if as_json:
        print(json.dumps(_as_json(dataset), ensure_ascii=False, indent=2))
        return
    from cxr_duck.cli.output import print_table

    splits = list(dataset.recipe.shares)
    counts = dataset.composition
    rows: list[list[Any]] = []
    for term in dataset.recipe.classes:
        findings = sorted({f for t, f, _ in counts if t == term and f not in ("", term)})
        own = any(f == term for t, f, _ in counts if t == term)
        for label, finding in [
            (term, ""),
            *([(f"  {term}", term)] if own and findings else []),
            *((f"  {f}", f) for f in findings),
        ]:
            numbers = [counts.get((term, finding, split), 0) for split in splits]
            rows.append([label, *numbers, sum(numbers)])
    print_table(["class / finding", *splits, "all"], rows)
    print()
    if recipe:
        for key, value in _facts(dataset):
            print(f"{key:<10}{value}")
        if dataset.removed:
            print(f"{dataset.removed:,} of its images were removed from the store", file=sys.stderr)
    else:
        print(f"{dataset.name}: {dataset.images():,} images, seed {dataset.recipe.seed}")
    print(f"{'digest':<10}{dataset.digest}" if recipe else f"digest {dataset.digest}")


def _facts(dataset: "Dataset") -> list[tuple[str, str]]:
    recipe = dataset.recipe
    facts = [
        ("name", dataset.name),
        ("terms", ", ".join(name for name in recipe.classes if name not in recipe.queries)),
        *(("class", f"{name} = {query}") for name, query in recipe.queries.items()),
        ("exclude", ", ".join(recipe.exclude)),
        ("where", recipe.where or ""),
        ("pure", "yes" if recipe.pure else "no"),
        ("hierarchy", recipe.hierarchy),
        ("seed", str(recipe.seed)),
        ("images", f"{dataset.images():,}"),
    ]
    return [(key, value) for key, value in facts if value]


def _as_json(dataset: "Dataset") -> dict[str, Any]:
    return {
        "name": dataset.name,
        "digest": dataset.digest,
        "images": dataset.images(),
        "removed": dataset.removed,
        "recipe": json.loads(dataset.recipe.to_json()),
        "composition": [
            {"class": term, "finding": finding or None, "split": split, "images": images}
            for (term, finding, split), images in dataset.composition.items()
        ],
    }
