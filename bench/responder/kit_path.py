"""Importing this makes tests/interop/kit importable: processes, a PKI by openssl, OCSP by hand."""
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/interop"))
