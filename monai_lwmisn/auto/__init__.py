"""Looks at a user's data, decides how to learn from them, and says why."""
