"""The pages readers meet, one module per noun; Flask lives only here."""
