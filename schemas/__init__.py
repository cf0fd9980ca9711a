"""What data and settings must look like. Imports nothing of ours."""
