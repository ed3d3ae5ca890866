"""The seam to Keras and to other model files: logits, feature maps, gradients."""
