"""The forms of an export, each a module with the function `plan`."""
