"""Meta: Facebook and Instagram."""
