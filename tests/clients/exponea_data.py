"""Calls of exponea-python-sdk's customer API, run in an environment of its own: writes what each returned or raised."""

import json
import sys

from exponea_python_sdk import Exponea
from exponea_python_sdk.exceptions import APIException


def main() -> None:
    url, token, secret, calls = sys.argv[1:]
    client = Exponea(token, username="any", password=secret, url=url)
    said = []
    for name, arguments in json.loads(calls):
        try:
            said.append({"returned": getattr(client.customer, name)(*arguments)})
        except APIException as error:
            said.append({"raised": error.args[0]})
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main()
