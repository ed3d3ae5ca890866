"""The surfaces: command line, page, figure files."""
