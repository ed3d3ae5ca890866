"""Files that hold many images with their labels: Parquet as Hugging Face writes it, and tars of WebDataset."""
