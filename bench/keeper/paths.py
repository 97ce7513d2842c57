"""Importing this makes bench/responder (figures, report, machine) and tests/interop/kit importable."""
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(1, str(pathlib.Path(__file__).resolve().parents[1] / "responder"))
import kit_path  # noqa: E402,F401
