"""What a loop walks over: bars in columns, and where a run stands in them."""
