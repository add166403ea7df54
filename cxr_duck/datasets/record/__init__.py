"""The record of datasets: written, read, made again, renamed, compared, bundled."""
