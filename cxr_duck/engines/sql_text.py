"""Quotes texts and names for SQL, and shortens an engine's error to its first line."""

__all__ = ["first_line", "identifier", "quoted", "told"]


def quoted(text: object) -> str:
    """Return a text as an SQL string, for the places where DuckDB binds no parameter."""
    return "'" + str(text).replace("'", "''") + "'"


def first_line(error: Exception) -> str:
    """Return the first line of an engine's message, without the kind of error before it."""
    line = (str(error).strip().splitlines() or ["no message"])[0]
    kind, colon, rest = line.partition(" Error: ")
    return rest if colon and kind.replace(" ", "").isalpha() else line


def told(error: Exception) -> str:
    """Return the first line of an engine's message, and what helps where the catalog is damaged."""
    line = first_line(error)
    return f"{line}: run 'cxr repair'" if line.startswith("Corrupt database file") else line


def identifier(name: str) -> str:
    """Return a name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
