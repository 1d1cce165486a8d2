"""Photos of a bucket, or of any folder, labelled in shards: by Ray, by the jobs of Kubernetes or Slurm, or here.

``manifest``: which photos, and in which shard. ``worker``: a shard's photos to a shard file. ``run``: what is done and what
is left. ``ray_driver``: many workers. ``merge``: all shard files to one COCO-DensePose file.
"""
