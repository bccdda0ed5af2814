"""Publish an e-mail newsletter from a folder: write, preview, send, prove."""

__version__ = "0.1.0"
