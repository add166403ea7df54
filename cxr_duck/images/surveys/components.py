"""Connected components of pairs of names, such as patients joined by twin images."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy
    import pyarrow

__all__ = ["components"]


def components(pairs: "pyarrow.Table") -> "pyarrow.Table":
    """Return the columns name and first: each name of some pairs, the first that it hangs together
    with.

    `pairs` has two columns of names. The result doesn't depend on the order of the pairs.
    """
    import numpy
    import pyarrow

    one, other = (column.combine_chunks() for column in pairs.columns)
    names = pyarrow.concat_arrays([_flat(one), _flat(other)]).dictionary_encode()
    known = names.dictionary.to_numpy(zero_copy_only=False).astype(object)
    order = numpy.argsort(known)
    rank = numpy.empty(len(order), dtype=numpy.int64)
    rank[order] = numpy.arange(len(order))
    codes = rank[names.indices.to_numpy(zero_copy_only=False)]
    first = _smallest(codes[: pairs.num_rows], codes[pairs.num_rows :], len(order))
    ordered = known[order]
    return pyarrow.table(
        {
            "name": pyarrow.array(ordered, pyarrow.string()),
            "first": pyarrow.array(ordered[first], pyarrow.string()),
        }
    )


def _flat(column: "pyarrow.Array") -> "pyarrow.Array":
    import pyarrow

    return column.cast(pyarrow.string())


def _smallest(one: "numpy.ndarray", other: "numpy.ndarray", count: int) -> "numpy.ndarray":
    """Return for each of so many numbers the smallest that pairs connect it to.

    In each round the tops of two connected numbers are joined, and all go straight to their tops.
    """
    import numpy

    top = numpy.arange(count)
    while True:
        low = numpy.minimum(top[one], top[other])
        joined = top.copy()
        numpy.minimum.at(joined, top[one], low)
        numpy.minimum.at(joined, top[other], low)
        while (joined[joined] != joined).any():
            joined = joined[joined]
        if (joined == top).all():
            return top
        top = joined
