"""Where a scene is drawn and how its pixels are read back. Raw GL calls are made here alone."""
