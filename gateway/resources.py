"""The resources of the API and their methods, as its OpenAPI document names them."""

from collections.abc import Iterable, Mapping

import msgspec


class Resource(msgspec.Struct, frozen=True):
    """`template` like `/v1/establishments/{establishment}`; `methods` in capitals."""

    template: str
    methods: tuple[str, ...]

    @property
    def allow(self) -> bytes:
        """The value of an `Allow` header: who can be read can be looked at, and all can be asked about."""
        head = ("HEAD",) if "GET" in self.methods else ()
        return ", ".join((*self.methods, *head, "OPTIONS")).encode()


class Resources:
    def __init__(self, paths: Mapping[str, Iterable[str]]) -> None:
        self._by_length: dict[int, list[tuple[list[tuple[int, str]], Resource]]] = {}
        # A plain word is a better match than a name in braces.
        for template, methods in sorted(paths.items(), key=lambda entry: entry[0].count("{")):
            segments = template.split("/")
            words = [(place, word) for place, word in enumerate(segments) if not word.startswith("{")]
            resource = Resource(template, tuple(method.upper() for method in methods))
            self._by_length.setdefault(len(segments), []).append((words, resource))

    def find(self, path: str) -> Resource | None:
        segments = path.removesuffix("/").split("/")
        for words, resource in self._by_length.get(len(segments), ()):
            if all(segments[place] == word for place, word in words):
                return resource
        return None
