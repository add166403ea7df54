"""The query language: parsed, resolved against a store, compiled to SQL, asked."""
