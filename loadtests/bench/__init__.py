"""What does one event to many viewers cost? The fan-out benchmarks, each beside a floor measured in the same run."""
