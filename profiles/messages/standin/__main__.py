"""`python -m profiles.messages.standin DIRECTORY`: the stand-in in a process of its own, until its input ends.

Prints one JSON object: where it is, as settings of the environment, and the accounts that it knows.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

from profiles.messages.standin.accounts import new_apple, new_firebase
from profiles.messages.standin.server import StandIn


def main(directory: Path, answer_seconds: float) -> None:
    """Serve."""
    with StandIn(directory) as standin:
        apple, firebase = new_apple(), new_firebase(standin.token_uri)
        standin.book.apple[apple.key_id] = apple
        standin.book.firebase[firebase.project_id] = firebase
        standin.book.behaviour.answer_seconds = answer_seconds
        places = standin.addresses
        said = {
            "environment": {
                "PUSH_APNS_PRODUCTION": places.apns_production,
                "PUSH_APNS_SANDBOX": places.apns_sandbox,
                "PUSH_FCM": places.fcm,
                "PUSH_CA_FILE": places.ca_file,
                "PUSH_TOKEN_HOSTS": urlsplit(standin.token_uri).netloc,
            },
            "apple": asdict(apple),
            "firebase": firebase.as_json(),
        }
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0.0)
