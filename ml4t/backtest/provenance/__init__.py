"""What it takes to run it again: the run as a run file holds it, and the versions it was made with."""
