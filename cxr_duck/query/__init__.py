"""The query language: parsed, resolved against a store, compiled to SQL, asked.

Its modules import the parser when there is a query to parse: lark takes longer to load than a
finding to be looked up.
"""
