"""The `trivet` command: one small file per verb."""
