"""From a row of the database to a struct, at the one place where values lose their types."""

from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

Struct = TypeVar("Struct", bound=msgspec.Struct)


def to_struct(row: sa.Row[Any], type_: type[Struct]) -> Struct:
    """The columns that `type_` has fields for; a value of another type is an error here, not further on."""
    # Keys are SQLAlchemy's own kind of str, which msgspec does not take for one.
    values = {str(name): value for name, value in row._mapping.items()}  # noqa: SLF001 - its public name
    return msgspec.convert(values, type_)


def changes(change: msgspec.Struct) -> dict[str, Any]:
    """The fields of a PATCH body that were sent: those that are not UNSET."""
    return {name: value for name, value in msgspec.structs.asdict(change).items() if value is not msgspec.UNSET}
