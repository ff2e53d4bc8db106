"""A file that several workers apply, each one shard of it at a time.

processes  one machine: a process for each shard, and another one for one that is killed
shard      what a worker does beside applying: it takes its shard, keeps it, and says what is left
shown      how far the shards are, as a table and for machines
"""
