"""What people said about images: tags, notes, corrections, saved sets, in one file with a journal."""
