"""What is drawn, and when: scenes, the exact clock, shaders. Knows moderngl; knows nothing of the other parts."""
