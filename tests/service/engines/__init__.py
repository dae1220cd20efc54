"""What belongs to one engine alone."""
