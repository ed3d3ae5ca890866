"""Images that are chosen by a query or come from a finding: found, shown, marked, written to files."""
