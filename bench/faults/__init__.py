"""What goes wrong around a runner, brought about on purpose and counted. See `bench.faults.__main__`."""
