"""What `kubectl` takes: prerequisites of others, and the charts rendered as plain manifests."""
