"""Where people, campaigns and the ledger are kept: the schema, the engine and the migrations."""
