"""The ledger and the machine that empties it; it knows nothing of issues or of consent."""
