"""Importing this makes bench/responder (figures, report, machine), bench/stapling (authority, handshake) and tests/interop/kit importable."""
import pathlib
import sys

sys.dont_write_bytecode = True
_BENCH = pathlib.Path(__file__).resolve().parents[1]
sys.path[1:1] = [str(_BENCH / "responder"), str(_BENCH / "stapling")]
import kit_path  # noqa: E402,F401
