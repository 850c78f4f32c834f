"""What is wrong with tables, all of it."""
