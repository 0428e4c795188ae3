"""A package that is watched: the syntax that a rewriting of accesses must leave alone, and an object that threads share."""
