"""The rules, one module for each family; every module here is found by itself."""
