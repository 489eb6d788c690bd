"""Entry of `python -m core`."""

import gc
import os
import sys

from core.cli import main

# PyTorch's import makes half a million objects that stay. Looking through them for garbage again
# and again, and taking each apart at the end, would be a good part of a short command's time.
OBJECTS_THAT_STAY = 500_000

if __name__ == "__main__":
    gc.set_threshold(OBJECTS_THAT_STAY, 20, 20)
    code = main()
    sys.stderr.flush()
    os._exit(code)
