"""The corpus of bad deliveries: faults × layouts as suppliers have them. ``python -m tests.pipelines.broken`` prints all messages."""
