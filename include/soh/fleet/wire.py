"""Messages as bytes: what our fleets send, and whether a message found in Kafka is one of ours."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from soh.errors import BadDeclaration
from soh.fleet.source import Record
from soh.specs.schemas import FieldType, RecordSchema
from soh.specs.topics import TopicSpec

_AS_TEXT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One record on its way to Kafka; (topic, facility, seq) names it for good."""

    topic: str
    facility: int
    seq: int
    value: bytes

    @property
    def key(self) -> bytes:
        return b"%d" % self.facility


def schema_of(topic: TopicSpec) -> RecordSchema:
    """The schema of a fleet's topic; BadDeclaration for a topic that declares none."""
    if topic.schema is None:
        raise BadDeclaration(f"topic {topic.name} has no schema, so no fleet can send to it")
    return topic.schema


def encode(schema: RecordSchema, record: Record, seq: int) -> bytes:
    """JSON in UTF-8 under the spellings of the original sensors; KeyError when a field is missing."""
    whole = record | {"seq": seq}
    return _AS_TEXT.encode({field.wire_name: whole[field.name] for field in schema.fields}).encode()


def decode(schema: RecordSchema, key: bytes | None, value: bytes | None) -> Record | None:
    """Read a message back; None unless our own fleet can have sent it: key, spellings, types and all."""
    if key is None or value is None or len(value) > schema.max_size:
        return None
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.keys() != {field.wire_name for field in schema.fields}:
        return None
    record = {field.name: found[field.wire_name] for field in schema.fields}
    if not all(_fits(field.type, record[field.name]) for field in schema.fields):
        return None
    if record["seq"] < 0 or key != b"%d" % record[schema.key]:
        return None
    return record


def _fits(kind: FieldType, value: Any) -> bool:
    match kind:
        case FieldType.STRING:
            return isinstance(value, str)
        case FieldType.LONG:
            return type(value) is int
        case FieldType.DOUBLE | FieldType.EPOCH_SECONDS:
            return type(value) in (int, float)
