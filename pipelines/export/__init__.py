"""What leaves the house in a form of others."""
