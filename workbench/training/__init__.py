"""A recipe and data to a run."""
