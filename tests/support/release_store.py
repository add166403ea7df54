"""Write the store that a release leaves to later versions: `make release-store` packs it.

The store is the demo repository's: made up, so that it may be shared. It lies in `tests/stores`
under the version's name, and is never written anew.
"""

import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from cxr_duck import __version__

__all__ = ["STORES", "pack", "write_store"]

STORES = Path(__file__).parents[1] / "stores"
_LARGEST = 200_000  # bytes of a packed store

# Run in one folder, the store's name in the place of STORE. What a store can hold is in it: images
# tested, added and removed, a hierarchy of one's own, and each kind of recipe.
_COMMANDS = (
    "cxr demo repository",
    "cxr index repository/labels.csv --images repository/images --store STORE",
    "cxr check --store STORE",
    "(head -1 repository/labels.csv; tail -20 repository/labels.csv | sed 's/demo_0/more_0/') "
    "> more.csv",
    "cxr index more.csv --store STORE",
    "cxr remove --where \"image_id LIKE 'more_%' AND age >= 60\" --yes --store STORE",
    "printf 'term,parent\\nlung,\\nnodule,lung\\npneumonia,lung\\nheart,\\ncardiomegaly,heart\\n' "
    "> organs.csv",
    "cxr create normal not-normal --pure --hierarchy paper --where frontal --name paper "
    "--store STORE",
    "cxr create --class 'lungs=under(infiltrates) OR nodule' "
    "--class 'heart=cardiomegaly AND NOT nodule' --overlap first --balance 2:1 --per-patient 2 "
    "--seed 7 --name lungs --store STORE",
    "cxr create normal nodule --findings equal --physician-test --keep-apart paper --seed 3 "
    "--name apart --store STORE",
    "cxr create normal nodule --match sex --stratify age:20 --size 30 --unit patient "
    "--name matched --experiment other --store STORE",
    "cxr create lung heart --hierarchy organs.csv --overlap drop --name organs --store STORE",
)


def write_store(folder: Path, version: str = __version__) -> Path:
    """Write the store of this version into a folder; return its path."""
    bin_folder = Path(sys.executable).parent
    for command in _COMMANDS:
        subprocess.run(
            ["bash", "-ec", command.replace("STORE", version)],
            cwd=folder,
            env={"PATH": f"{bin_folder}:/usr/bin:/bin"},
            stdout=subprocess.DEVNULL,
            check=True,
        )
    return folder / version


def pack(store: Path, packed: Path) -> int:
    """Pack a store, without names of users or machines; return the bytes."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        return entry

    with tarfile.open(packed, "x:xz", preset=9) as archive:
        archive.add(store, store.name, filter=plain)
    return packed.stat().st_size


def main() -> None:
    """Write and pack the store of this version; one that is there already stays."""
    packed = STORES / f"{__version__}.tar.xz"
    if packed.exists():
        raise SystemExit(f"{packed.name} is there already: the store of a release never changes")
    folder = Path(tempfile.gettempdir()) / "cxr-duck-demo"  # its path stands in the store
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        size = pack(write_store(folder), packed)
    finally:
        shutil.rmtree(folder)
    if size > _LARGEST:
        packed.unlink()
        raise SystemExit(f"the packed store has {size:,} bytes, more than {_LARGEST:,}")
    print(f"tests/stores/{packed.name}: {size:,} bytes")


if __name__ == "__main__":
    main()
