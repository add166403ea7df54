"""The forms of an export, one module per form, each with the function `plan`."""
