"""The page's answers to other programs."""
