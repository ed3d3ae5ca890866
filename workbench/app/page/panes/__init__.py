"""HTML of the page, a pane to a file."""
