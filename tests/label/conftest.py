"""The tests of the server run where monailabel is installed, see `make test-label`."""

from importlib.util import find_spec

if find_spec("monailabel") is None:
    collect_ignore = ["test_clients.py", "test_runtime.py", "test_server.py", "test_training.py", "test_uncertainty.py"]
