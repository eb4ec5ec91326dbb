"""Speech: synthesis with known phone times, phone alignment of recordings, audio features."""
