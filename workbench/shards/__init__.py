"""Long work over many images, cut into shards: done in this process, in several on a machine, or on a Ray cluster."""
