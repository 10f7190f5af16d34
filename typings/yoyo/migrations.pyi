from collections.abc import Iterator
from typing import Literal

from yoyo import DatabaseBackend

class Migration:
    id: str
    def process_steps(self, backend: DatabaseBackend, direction: Literal["apply", "rollback"]) -> None: ...

class MigrationList:
    def __iter__(self) -> Iterator[Migration]: ...
    def __len__(self) -> int: ...
