"""Upkeep of a workspace: backup, restore, migration to a newer format, and what retention removes."""
