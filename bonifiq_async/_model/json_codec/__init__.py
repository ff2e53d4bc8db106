"""JSON bytes to attrs values and back, with exact decimals and no silent coercion.

converters  decoded values to attrs classes, and payloads to bytes, by cattrs
decoding    bytes to plain values: exact decimals, bounded memory, pauses for other tasks
"""

from bonifiq_async._model.json_codec.converters import (
    NOT_NULL,
    Names,
    NotNull,
    NotNullArray,
    encode,
    spelled,
    structure,
    wire_name,
    wire_name_of,
)
from bonifiq_async._model.json_codec.decoding import (
    LARGE,
    LEVELS,
    MOST_VALUES,
    PAUSES,
    decode,
    pausing,
    refuse_doubled_members,
)

__all__ = [
    "LARGE",
    "LEVELS",
    "MOST_VALUES",
    "NOT_NULL",
    "PAUSES",
    "Names",
    "NotNull",
    "NotNullArray",
    "decode",
    "encode",
    "pausing",
    "refuse_doubled_members",
    "spelled",
    "structure",
    "wire_name",
    "wire_name_of",
]
