"""A recorded dataset handed out to other tools, one module a form."""
