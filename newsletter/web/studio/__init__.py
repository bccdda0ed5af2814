"""The studio: an issue on the light table, seen as its readers will see it, while it is being written.

`desk` keeps what is there now, `watching` notices that a file changed, `proofs` takes one copy apart,
`readers` are those it can be addressed to, `sources` the files behind it, and `app` shows all that as pages.
"""
