"""A command of the command line is one file."""
