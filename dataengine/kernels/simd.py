"""What LLVM has and numba does not say: vectors of bytes, and words of memory wherever they lie.

Each is one or a few machine instructions on any processor (LLVM splits the vectors where they are
too wide), and reads memory that the caller must own: `load8` eight bytes, the others 64.
"""

from typing import Any

from llvmlite import ir
from numba import extending
from numba.core import types

WIDTH = 64
BYTE, WORD = ir.IntType(8), ir.IntType(64)
VECTOR = ir.VectorType(BYTE, WIDTH)
# Numba's own type of it says what its first argument is for.
intrinsic: Any = extending.intrinsic


def _read(context: Any, builder: Any, array_type: Any, array: Any, at: Any, kind: Any) -> Any:
    """`kind` at byte `at` of a uint8 array, whatever the alignment."""
    data = context.make_array(array_type)(context, builder, array).data
    place = builder.bitcast(builder.gep(data, [at]), kind.as_pointer())
    return builder.load(place, align=1)


def _every(value: int) -> Any:
    return ir.Constant(VECTOR, [value] * WIDTH)


def _between(builder: Any, block: Any, low: str, high: str) -> Any:
    """Which bytes lie in a range: one subtraction and one unsigned comparison."""
    offset = builder.sub(block, _every(ord(low)))
    return builder.icmp_unsigned("<=", offset, _every(ord(high) - ord(low)))


def _one_of(builder: Any, block: Any, characters: str) -> Any:
    found = builder.icmp_unsigned("==", block, _every(ord(characters[0])))
    for character in characters[1:]:
        same = builder.icmp_unsigned("==", block, _every(ord(character)))
        found = builder.or_(found, same)
    return found


@intrinsic
def load8(typing: Any, array: Any, at: Any) -> Any:
    """Eight bytes as one number, the first lowest."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _read(context, builder, signature.args[0], values[0], values[1], WORD)

    return types.uint64(array, types.int64), generate


@intrinsic
def trailing_zeros(typing: Any, number: Any) -> Any:
    """The place of the lowest bit that is set; 64 where none is."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.cttz(values[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), generate


@intrinsic
def classes64(typing: Any, array: Any, at: Any) -> Any:
    """Of 64 bytes, a bit for each: (letters, digits, operators, apostrophes, points, commas).

    A byte of 128 and more is a letter. The classes are `characters.BYTE_CLASS`'s.
    """

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        block = _read(context, builder, signature.args[0], values[0], values[1], VECTOR)
        lower = builder.or_(block, _every(0x20))
        beyond_ascii = builder.icmp_signed("<", block, _every(0))
        # Setting bit 5 of a byte beyond ASCII leaves it beyond ASCII, and so no letter.
        letters = builder.or_(_between(builder, lower, "a", "z"), beyond_ascii)
        found = [letters, _between(builder, block, "0", "9")]
        found += [_one_of(builder, block, of) for of in ("+-*/=<>^%&|~", "'`", ".", ",")]
        masks = [builder.bitcast(mask, WORD) for mask in found]
        return context.make_tuple(builder, signature.return_type, masks)

    return types.UniTuple(types.uint64, 6)(array, types.int64), generate


@intrinsic
def beyond_ascii64(typing: Any, array: Any, at: Any) -> Any:
    """Of 64 bytes, a bit for each of 128 and more."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        block = _read(context, builder, signature.args[0], values[0], values[1], VECTOR)
        return builder.bitcast(builder.icmp_signed("<", block, _every(0)), WORD)

    return types.uint64(array, types.int64), generate


@intrinsic(prefer_literal=True)
def among64(typing: Any, array: Any, at: Any, characters: Any) -> Any:
    """Of 64 bytes, a bit for each that is one of `characters`, a literal string."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        block = _read(context, builder, signature.args[0], values[0], values[1], VECTOR)
        return builder.bitcast(_one_of(builder, block, characters.literal_value), WORD)

    return types.uint64(array, types.int64, characters), generate


@intrinsic
def escaped64(typing: Any, array: Any, at: Any) -> Any:
    """Of 64 bytes, a bit for each that JSON text cannot hold as it is: a quote, a backslash or a
    control character."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        block = _read(context, builder, signature.args[0], values[0], values[1], VECTOR)
        control = builder.icmp_unsigned("<", block, _every(0x20))
        found = builder.or_(_one_of(builder, block, '"\\'), control)
        return builder.bitcast(found, WORD)

    return types.uint64(array, types.int64), generate


@intrinsic
def copy64(typing: Any, source: Any, start: Any, target: Any, at: Any) -> Any:
    """Copy 64 bytes from `source[start:]` to `target[at:]`."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        block = _read(context, builder, signature.args[0], values[0], values[1], VECTOR)
        data = context.make_array(signature.args[2])(context, builder, values[2]).data
        place = builder.bitcast(builder.gep(data, [values[3]]), VECTOR.as_pointer())
        builder.store(block, place, align=1)
        return context.get_dummy_value()

    return types.void(source, types.int64, target, types.int64), generate
