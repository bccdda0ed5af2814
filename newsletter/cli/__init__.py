"""The command line: click lives only here, one module per noun."""
