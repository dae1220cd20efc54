"""Every chart through the real Helm engine: what it renders, refuses and promises."""
