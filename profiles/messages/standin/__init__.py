"""A stand-in for Apple's and Google's push servers, for tests and benchmarks: it verifies what they would verify."""
