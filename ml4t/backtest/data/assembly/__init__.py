"""Tables joined to market data."""
