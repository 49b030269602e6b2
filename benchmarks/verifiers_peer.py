"""Score rows with Math-Verify: the half of `verifiers.py` that runs in Math-Verify's environment.

It reads ``{"rows": [[target, completion], ...], "seconds": s}`` from its input and writes the
verdicts and the rate to its output. The settings are those that its documentation recommends: the
box first, and the target in math delimiters.
"""

import json
import logging
import sys
import time
from typing import Any


def main() -> None:
    """Serve one request."""
    from math_verify import (  # it has its own environment
        ExprExtractionConfig,
        LatexExtractionConfig,
        parse,
        verify,
    )

    logging.disable(logging.CRITICAL)
    configs = [LatexExtractionConfig(boxed_match_priority=0), ExprExtractionConfig()]
    request = json.load(sys.stdin)

    def judge(target: str, completion: str) -> bool:
        if "$" not in target and "\\boxed" not in target:
            target = f"${target}$"
        try:
            return bool(verify(parse(target, configs), parse(completion, configs)))
        except Exception:
            return False

    rows: list[tuple[str, str]] = request["rows"]
    reply: dict[str, Any] = {"verdicts": [judge(*row) for row in rows], "rate": 0.0}
    count, number = 0, 0
    start = time.perf_counter()
    while (spent := time.perf_counter() - start) < request["seconds"]:
        number += 1
        space = " " + f"{number:b}".replace("0", " ").replace("1", "\t")
        for target, completion in rows:
            judge(target + space, completion + space)
        count += len(rows)
    if count:
        reply["rate"] = count / spent
    print(json.dumps(reply))


if __name__ == "__main__":
    main()
