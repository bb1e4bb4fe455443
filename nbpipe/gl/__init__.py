"""Where a scene is drawn and how its pixels are read back. The only wing that makes GL calls."""
