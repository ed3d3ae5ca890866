"""What a layer makes of an image, in parts and directions: non-negative factors, and vectors of two sets of images."""
