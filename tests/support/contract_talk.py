"""Talks to a sandbox without the library, and holds every answer against the contract."""

import base64
import http.client
import json
import re
from collections.abc import Mapping
from typing import cast

from contracts import CONTRACTS, Json, Schema, validator
from openapi_schema_validator import OAS30Validator

from bonifiq_async.sandbox import Raba7niSandbox, Sandbox

AnySandbox = Sandbox | Raba7niSandbox
JSON, BYTES = "application/json", "application/octet-stream"


class Talk:
    """Sends requests to a sandbox without the library, and checks every answer against the contract."""

    def __init__(self, name: str, sandbox: AnySandbox, headers: Mapping[str, str]) -> None:
        self.name, self.contract = name, CONTRACTS[name]
        self.sandbox, self.headers = sandbox, headers
        self.seen: set[tuple[str, str]] = set()
        self.said: set[str] = set()
        self._validators: dict[tuple[str, str, int], OAS30Validator] = {}

    def say(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Json]:
        """Send a request; return status and members of the answer, which is what the contract says."""
        line = http.client.HTTPConnection("127.0.0.1", self.sandbox.port, timeout=10)
        sent = None if body is None else json.dumps(body)
        kind = {} if sent is None else {"Content-Type": "application/json"}
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        line.request(method, path, sent, {**self.headers, **kind, **more})
        response = line.getresponse()
        members = json.loads(response.read())
        line.close()
        template = self.template(method, path.partition("?")[0])
        self.seen.add((method, template))
        kind, _ = self.documented(method, template, response.status)
        assert response.headers.get_content_type() == kind
        faults = self.faults(method, template, response.status, members)
        assert not faults, f"{method} {path} {response.status}: {faults}"
        if isinstance(members, dict):
            self.said.update(str(members[name]) for name in ("CodeName", "ErrorMessage") if members.get(name))
        return response.status, members

    def faults(self, method: str, template: str, status: int, members: object) -> list[str]:
        """Return what is wrong with an answer by the contract."""
        asked = (method, template, status)
        if asked not in self._validators:
            self._validators[asked] = validator(self.contract, self.documented(*asked)[1])
        found = self._validators[asked].iter_errors(members)
        return [f"{fault.json_path}: {fault.message}" for fault in found]

    def result(self, method: str, path: str, body: object = None) -> Json:
        """Return the result of what is done: that of an envelope, or the whole answer of any other shape."""
        status, members = self.say(method, path, body)
        assert (status, members.get("HasError", False)) == (200, False), members
        return cast("Json", members.get("Result", members))

    def refusal(self, method: str, path: str, body: object = None) -> str | None:
        """Return the name of the code under which a request is refused, or its words where it has none."""
        status, members = self.say(method, path, body)
        assert status >= 400 and members["HasError"] is True, members
        return cast("str | None", members.get("CodeName") or members["ErrorMessage"])

    def template(self, method: str, path: str) -> str:
        """Return the path of the contract that fits `path`."""
        for template, methods in self.contract["paths"].items():
            shape = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))
            if method.lower() in cast(Schema, methods) and re.fullmatch(shape, path):
                return template
        raise AssertionError(f"the contract has no {method} {path}")

    def documented(self, method: str, template: str, status: int) -> tuple[str, Schema]:
        """Return type and schema of an answer; errors that no operation documents have the common one."""
        operation = cast("dict[str, Schema]", cast(Schema, self.contract["paths"][template])[method.lower()])
        answers = operation["responses"]
        answer = answers.get(str(status)) or answers.get(f"{status // 100}XX") or answers.get("default")
        if answer is None:
            assert status >= 400
            return JSON, {"$ref": "#/components/schemas/ExternalApiEnvelope"}
        found = cast(Schema, answer)
        if "$ref" in found:
            found = cast(Schema, self.contract["components"]["responses"])[  # type: ignore[assignment]
                str(found["$ref"]).rpartition("/")[2]
            ]
        content = cast("dict[str, dict[str, Schema]]", found.get("content", {JSON: {"schema": {}}}))
        ((kind, said),) = content.items()
        return kind, {} if kind == BYTES else said["schema"]


def bonifiq(sandbox: Sandbox) -> Talk:
    signed = f"{sandbox.credentials.token}:{sandbox.credentials.key}".encode()
    basic = f"Basic {base64.b64encode(signed).decode()}"
    return Talk("bonifiq", sandbox, {"Authorization": basic, "X-BQ-ApiToken": sandbox.public_token})


def raba7ni(sandbox: Raba7niSandbox) -> Talk:
    known = sandbox.credentials
    return Talk("raba7ni", sandbox, {"X-App-Id": known.app_id, "X-Api-Key": known.api_key})
