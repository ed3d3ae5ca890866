"""How far a map may be believed: measures, verdicts, randomisation."""
