"""Networks trained and evaluated under one protocol, so that one table can compare them."""
