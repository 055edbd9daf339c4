"""Sizes as C computes them: structs with their padding, products that wrap. The C is really run."""

from __future__ import annotations

import random
from functools import lru_cache
from typing import Final

from kmemquest.i18n import _, ngettext
from kmemquest.kernel.gfp import GFP_KERNEL
from kmemquest.quiz.generator import Draft, Wrong, generator
from kmemquest.quiz.generators.machines import machine_with

_FIELDS: Final = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "void *": 8}
_NAMES: Final = ("flags", "length", "data", "id", "next", "state")
_TYPES: Final = (
    "typedef unsigned char u8; typedef unsigned short u16;\n"
    "typedef unsigned int u32; typedef unsigned long u64;\n"
)


@lru_cache(maxsize=256)
def c_value(declarations: str, expression: str) -> int:
    """Compile and run an expression of type unsigned long on the simulated machine."""
    from kmemquest.driver.build import BuildOptions, build
    from kmemquest.driver.engine import Engine

    source = f"{_TYPES}{declarations}\nunsigned long f(void);\n"
    source += f"unsigned long f(void) {{ return {expression}; }}\n"
    options = BuildOptions(require_license=False, werror=False)
    module = build(source, "question.c", options=options).module
    assert module is not None, source
    engine = Engine(machine_with(), module)
    engine.place()
    return engine.call("f")


def _bytes(number: int) -> str:
    return ngettext("{number} byte", "{number} bytes", number).format(number=number)


@generator("struct-bytes", "slab", 2)
def struct_bytes(chance: random.Random) -> Draft:
    """What does sizeof say of a struct, and so what does kmalloc(sizeof(*p)) ask for?"""
    while True:
        chosen = [chance.choice(tuple(_FIELDS)) for _number in range(chance.randint(3, 5))]
        fields = "; ".join(
            f"{kind}{'' if kind.endswith('*') else ' '}{name}"
            for kind, name in zip(chosen, _NAMES, strict=False)
        )
        declaration = f"struct packet {{ {fields}; }};"
        truth = c_value(declaration, "sizeof(struct packet)")
        packed = sum(_FIELDS[kind] for kind in chosen)
        if truth != packed:
            break
    ordered = sorted(chosen, key=lambda kind: -_FIELDS[kind])
    best = "; ".join(
        f"{kind}{'' if kind.endswith('*') else ' '}{name}"
        for kind, name in zip(ordered, _NAMES, strict=False)
    )
    smallest = c_value(f"struct packet {{ {best}; }};", "sizeof(struct packet)")
    return Draft(
        prompt=_(
            "{declaration} How many bytes does kmalloc(sizeof(struct packet), GFP_KERNEL) ask for "
            "on x86-64?"
        ).format(declaration=declaration),
        answer=_bytes(truth),
        explanation=_(
            "Every field begins at a multiple of its size, and the struct ends at a multiple of "
            "the largest: {truth} bytes for {packed} bytes of fields. Ordered by falling size it "
            "would take {smallest}."
        ).format(truth=truth, packed=packed, smallest=smallest),
        wrong=(
            Wrong(
                _bytes(packed),
                "no-padding",
                _("Without __packed the compiler pads fields to their alignment."),
            ),
            Wrong(
                _bytes(8 * len(chosen)),
                "a-word-per-field",
                _("Small fields share a word if they stand next to each other."),
            ),
            Wrong(
                _bytes(smallest),
                "compiler-reorders",
                _("C keeps the fields in the order in which they are declared."),
            ),
            Wrong(
                _bytes(-(-packed // 8) * 8),
                "padding-at-the-end-only",
                _("Padding comes between fields too."),
            ),
            Wrong(
                _bytes(truth + 8),
                "header-per-object",
                _("sizeof counts the struct only; SLUB keeps no header either."),
            ),
            Wrong(
                _bytes(max(16, 1 << (truth - 1).bit_length())),
                "sizeof-is-the-bucket",
                _("sizeof does not know the bucket that kmalloc() will choose."),
            ),
            Wrong(
                _bytes(truth + 16),
                "two-words-more",
                _("The struct ends at the next multiple of its largest field."),
            ),
        ),
        sources=("include/linux/slab.h:kmalloc_noprof",),
    )


@generator("product-wraps", "slab", 3)
def product_wraps(chance: random.Random) -> Draft:
    """A user-controlled count times a size in 32 bits: how much does kmalloc really give?"""
    size = chance.choice((12, 16, 20, 24, 40, 48, 56, 64))
    wanted = chance.randrange(1, 60)
    count = ((1 << 32) + wanted * size) // size + chance.randrange(1, 8)
    declaration = f"struct entry {{ u32 words[{size // 4}]; }};\nstatic u32 count = {count}u;"
    asked = c_value(declaration, "(u32)(count * (u32)sizeof(struct entry))")
    machine = machine_with()
    given = machine.kmalloc.ksize(machine.kmalloc.kmalloc(asked, GFP_KERNEL))
    return Draft(
        prompt=_(
            "struct entry has {size} bytes. An ioctl lets the user choose count = {count}, and the "
            "driver calls kmalloc(count * (u32)sizeof(struct entry), GFP_KERNEL), count being a "
            "u32. How much memory does it get?"
        ).format(size=size, count=count),
        answer=_bytes(given),
        explanation=_(
            "The product is computed in 32 bits and wraps to {asked}, which kmalloc() rounds up to "
            "{given}. The driver then writes {count} entries. kmalloc_array(count, size, gfp) "
            "returns NULL instead."
        ).format(asked=asked, given=given, count=count),
        wrong=(
            Wrong(
                _("none: kmalloc() sees the overflow and returns NULL"),
                "kmalloc-checks-overflow",
                _("kmalloc() sees only the product; kmalloc_array() and kcalloc() check it."),
            ),
            Wrong(
                _("all of it, more than 4 GiB"),
                "products-are-64-bit",
                _("u32 times u32 is computed in 32 bits; only an operand of size_t widens it."),
            ),
            Wrong(
                _("none: more than 4 MiB is too much for kmalloc()"),
                "limit-before-wrap",
                _("True for the number that was meant; kmalloc() gets the wrapped one."),
            ),
        ),
        sources=(
            "include/linux/overflow.h:check_mul_overflow",
            "include/linux/slab.h:kmalloc_array_noprof",
        ),
    )
