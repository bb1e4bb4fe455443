"""How bytes become a file: pixel layouts, FFmpeg's command line and process, the writer, the target."""
