"""Networks trained and measured under one protocol, so that their figures can stand in one table."""
