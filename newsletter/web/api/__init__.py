"""The API for programs, `/api/v1`: JSON in, JSON out, one module for each kind of thing.

Every operation is a value (`operations.Operation`) that says who may ask, what is read and what is answered. Routes,
validation, the OpenAPI document and the page to try it on are all made from these values, so that they cannot differ.
"""
