# SPDX-License-Identifier: BSD-2-Clause
"""The API server that apiserver.sh started, as its admin."""
import http.client
import json
import pathlib
import ssl


class Api:
    """With its state in the folder `state`. One request per connection; any thread may ask."""

    def __init__(self, state):
        self.state = pathlib.Path(state)
        self.context = ssl.create_default_context(cafile=str(self.state / "pki/server-ca.crt"))
        self.context.load_cert_chain(str(self.state / "pki/admin.crt"), str(self.state / "pki/admin.key"))
        self.port = int((self.state / "run/port").read_text())

    def ask(self, method, path, body=None, kind="application/json"):
        """The status and the object; what was refused for another reason than that it is there, or not, is printed."""
        api = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context, timeout=20)
        try:
            api.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": kind})
            answer = api.getresponse()
            data = json.loads(answer.read() or b"{}")
            if answer.status >= 300 and answer.status not in (404, 409):
                print(method, path, answer.status, data.get("message"), flush=True)
            return answer.status, data
        finally:
            api.close()

    def items(self, path):
        """A list's objects; none when there is no such kind."""
        return self.ask("GET", path)[1].get("items") or []
