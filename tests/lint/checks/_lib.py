"""Makes lintlib importable for the checks."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lintlib import *  # noqa: E402,F401,F403
