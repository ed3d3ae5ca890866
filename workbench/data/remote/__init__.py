"""Data in an object store, s3://BUCKET/FOLDER or gs://…: listed whole, and read object by object."""
