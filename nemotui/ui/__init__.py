"""The console: one screen over the same use cases that the verbs run. It adds no logic of its own."""
