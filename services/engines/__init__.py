"""What hosts the HTTP application: equal siblings that never import each other."""
