"""The forms `parquet` and `csv`: a manifest alone, with the path of each image."""

from functools import partial

from cxr_duck.errors import ExportError
from cxr_duck.export.described.description import describe
from cxr_duck.export.handout import Handout
from cxr_duck.export.options import ExportOptions
from cxr_duck.export.plan import Plan

__all__ = ["plan"]

_ROW = 500  # bytes, rather more than rows take


def plan(source: Handout, options: ExportOptions) -> Plan:
    """Plan a manifest, its column `path` absolute where the folder of the images is known."""
    import pyarrow
    import pyarrow.compute

    table = source.manifest.drop_columns(["source_path"])
    paths = source.manifest.column("source_path")
    if source.folder is not None:
        if not source.folder.root.is_dir():
            raise ExportError(
                f"the folder of the images, {source.folder.root}, is not there: give it with "
                "--images"
            )
        root = str(source.folder.root.absolute())
        paths = pyarrow.compute.binary_join_element_wise(root, paths, "/")
    table = table.append_column("path", paths)
    return Plan(
        form=options.form,
        request=source.request(options),
        outputs=[],
        bytes=table.num_rows * (_ROW + 4 * source.labels.num_columns),
        films=source.images,
        finish=partial(describe, source, options, table, {}),
        resumable=False,
    )
