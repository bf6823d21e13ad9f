"""What tests, benchmarks and simulations stand on: database servers and service processes of their own."""
