"""What was found about a model as one file that needs nothing else: HTML to read and print, Markdown to paste."""
