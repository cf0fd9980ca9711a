"""What is computed: indicator cards and the engine around their formulas. Imports schemas only."""
