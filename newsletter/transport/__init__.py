"""The pipe out: SMTP, a folder of .eml files, a list in memory, and the sandbox inbox."""
