"""The outside world, one file each: NVML, the host, files, the container engine, the server, time, threads."""
