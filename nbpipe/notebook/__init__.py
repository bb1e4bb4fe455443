"""How a person sees and steers a recording in a notebook. Never touches GL, FFmpeg or the native part."""
