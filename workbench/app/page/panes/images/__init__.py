"""The section of images: query, facets, grid, marks; and what is known of one image."""
