"""What a run leaves behind, as tables: from C records to frames, and from frames to files."""
