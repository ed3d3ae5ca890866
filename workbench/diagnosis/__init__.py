"""The registry of analyses; all of them asked and ranked; planted faults."""
