"""What was known at each bar."""
