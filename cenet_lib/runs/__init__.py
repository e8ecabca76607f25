"""What a run leaves on disk, and how it goes on after a stop.

``folder`` opens a finished run, ``checkpoints`` keeps the state of a training that may be killed,
``manifest`` knows both by their hashes, ``batches`` decides which utterances share a step,
``stopping`` listens for Ctrl-C, and ``tracking`` logs to Weights & Biases.
"""
