"""Arrays to matplotlib figures: pieces, tiles, colours."""
