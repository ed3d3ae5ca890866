"""One question about one trained model per file; a new file is found without another line."""
