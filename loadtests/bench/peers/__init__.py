"""The fan-out benchmark's peers: other servers, each at its best on one core, under the same load as ours."""
