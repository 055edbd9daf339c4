"""Struct and union layout by the System V ABI of x86-64, with gcc's packed and aligned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kmemquest.driver.c_types import ArrayType, CType, IntType, Member, Record, RecordType


@dataclass(frozen=True, slots=True)
class Field:
    """A member before layout; `width` is in bits, `aligned` an explicit alignment in bytes."""

    name: str
    type: CType
    width: int | None = None
    aligned: int = 0
    packed: bool = False


def lay_out(
    record: Record, fields: Sequence[Field], *, packed: bool = False, aligned: int = 0
) -> None:
    """Give every member its offset, and the record its size and alignment."""
    members: list[Member] = []
    bits = 0
    alignment = 1
    largest = 0
    union = record.kind == "union"
    for item in fields:
        if union:
            bits = 0
        tight = packed or item.packed
        own = 1 if tight else item.type.align
        own = max(own, item.aligned)
        if item.width is not None and isinstance(item.type, IntType):
            bits, member = _place_bits(item, bits, tight=tight)
            if member is not None:
                members.append(member)
            # An unnamed bit-field does not align its struct on x86.
            if item.name:
                alignment = max(alignment, own)
        else:
            offset = -(-bits // 8)
            offset = -(-offset // own) * own
            members.append(Member(item.name, item.type, offset))
            bits = (offset + item.type.size) * 8
            alignment = max(alignment, own)
        largest = max(largest, bits)
    alignment = max(alignment, aligned)
    size = -(-largest // 8)
    record.size = -(-size // alignment) * alignment
    record.align = alignment
    record.members = tuple(members)
    record.index = _index(members)
    record.complete = True


def _place_bits(item: Field, bits: int, *, tight: bool) -> tuple[int, Member | None]:
    assert isinstance(item.type, IntType)
    assert item.width is not None
    unit = item.type.bits
    if item.width == 0:
        return -(-bits // unit) * unit, None
    if item.aligned:
        bits = -(-bits // (item.aligned * 8)) * item.aligned * 8
    if not tight and bits // unit != (bits + item.width - 1) // unit:
        bits = -(-bits // unit) * unit
    start = bits
    if tight:
        base = start // 8
        # A packed field may straddle its unit: reach it through the smallest run of bytes.
        member = Member(item.name, item.type, base, start - base * 8, item.width)
    else:
        base = start // unit * unit // 8
        member = Member(item.name, item.type, base, start - base * 8, item.width)
    return start + item.width, member if item.name else None


def _index(members: Sequence[Member]) -> dict[str, Member]:
    found: dict[str, Member] = {}
    for member in members:
        if member.name:
            found.setdefault(member.name, member)
        elif isinstance(member.type, RecordType):
            for name, inner in member.type.record.index.items():
                found.setdefault(
                    name,
                    Member(name, inner.type, member.offset + inner.offset, inner.bit, inner.width),
                )
    return found


def has_flexible_tail(record: Record) -> bool:
    """Whether the last member is a flexible array."""
    if not record.members:
        return False
    last = record.members[-1].type
    return isinstance(last, ArrayType) and last.count is None
