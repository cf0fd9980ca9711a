"""When and how it runs: the way of the data from a delivery to a published situation. Imports schemas and indicators."""
