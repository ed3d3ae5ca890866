"""The nouns: plain data, errors, parameters, results and the cache; no TensorFlow, no drawing."""
