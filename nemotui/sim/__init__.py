"""A pretend machine: its GPUs, its container engine, and a real HTTP server that speaks vLLM's API on time."""
