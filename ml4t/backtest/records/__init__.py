"""From C records to frames and files."""
