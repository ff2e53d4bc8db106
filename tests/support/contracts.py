"""The contracts of the providers: facts of their pages as OpenAPI, and how a schema of one is read."""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import yaml
from openapi_schema_validator import OAS30Validator, oas30_format_checker

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DATA = Path(__file__).parent.parent / "data"
Schema = Mapping[str, object]
Json = dict[str, object]


def contract(name: str) -> dict[str, Schema]:
    """Return a provider's contract."""
    return cast("dict[str, Schema]", yaml.load((DATA / f"{name}.yaml").read_text("utf-8"), LOADER))


CONTRACTS = {"bonifiq": contract("bonifiq"), "raba7ni": contract("raba7ni")}


REFERENCE = "#/components/schemas/"


def named(reference: Schema) -> str:
    """Return the name of the schema to which `$ref` points; it points nowhere else."""
    path = str(reference["$ref"])
    assert path.startswith(REFERENCE), path
    return path.removeprefix(REFERENCE)


def resolved(document: Mapping[str, Schema], schema: Schema) -> Schema:
    """Follow `$ref` and join `allOf`; the other keywords are kept. What has members is an object."""
    assert "properties" not in schema or schema["type"] == "object"
    if "$ref" in schema:
        name = named(schema)
        found = cast("dict[str, Schema]", document["components"]["schemas"])[name]
        return {"name": name, **resolved(document, found)}
    if "allOf" in schema:
        whole: Json = {key: value for key, value in schema.items() if key != "allOf"}
        members: Json = dict(cast(Schema, schema.get("properties", {})))
        for part in cast("list[Schema]", schema["allOf"]):
            found = resolved(document, part)
            members |= cast(Schema, found.get("properties", {}))
            whole = {**found, **whole}
        return {**whole, "properties": members} if members else whole
    return schema


def meant(schema: object) -> object:
    """Return a schema in which `nullable` beside `allOf` is what is meant: OpenAPI 3.0 ignores it."""
    if isinstance(schema, list):
        return [meant(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: meant(value) for key, value in schema.items()}
    if schema.get("nullable") is True and "allOf" in schema:
        null = {"nullable": True, "enum": [None]}
        plain = {"anyOf": [{"allOf": plain["allOf"]}, null]}
    return plain


def validator(document: Mapping[str, object], schema: Schema) -> OAS30Validator:
    """Return a validator of `schema`, whose references point into `document`."""
    whole = {"allOf": [schema], "components": meant(document["components"])}
    return OAS30Validator(whole, format_checker=oas30_format_checker)
