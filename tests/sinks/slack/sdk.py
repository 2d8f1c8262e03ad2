"""slack_sdk's verifier over a JSON list of {headers, body} on standard input."""
import json
import sys

from slack_sdk.signature import SignatureVerifier

verifier = SignatureVerifier(sys.argv[1])


def verdict(one):
    try:
        return verifier.is_valid_request(one["body"], one["headers"])
    except ValueError:  # a time that is no number
        return False


print(json.dumps([verdict(one) for one in json.load(sys.stdin)]))
