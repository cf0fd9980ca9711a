"""What is handed over: the report of an event, and the last half hour for the next shift. All of it from a published file."""
