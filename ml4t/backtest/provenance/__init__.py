"""What it takes to run it again."""
