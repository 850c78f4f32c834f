"""What a run is compared with: C loops that do the least that must be done."""
