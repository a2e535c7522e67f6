"""A visitor without JavaScript: reads pages, fills in their forms, keeps cookies."""

import re
from html.parser import HTMLParser

import httpx

from tests.gateway.shop.street import READER, Page


class FilledForm:
    """A form as the page gave it: `fields` are what would be sent, `buttons` the values that a button adds."""

    def __init__(self, action: str) -> None:
        self.action = action
        self.fields: dict[str, str] = {}
        self.choices: dict[str, list[str]] = {}
        self.buttons: list[tuple[str, str]] = []


class Forms(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[FilledForm] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            assert given["method"] == "post"
            self.found.append(FilledForm(given["action"]))
        elif tag == "button" and "name" in given:
            self.found[-1].buttons.append((given["name"], given["value"]))
        elif tag == "input":
            form, name, value = self.found[-1], given["name"], given.get("value", "on")
            if given["type"] in {"radio", "checkbox"}:
                if "disabled" not in given:
                    form.choices.setdefault(name, []).append(value)
                if "checked" in given:
                    form.fields[name] = value
            else:
                form.fields[name] = value


class Browser:
    """`answer` is the last one, redirects within the shop followed."""

    def __init__(self, url: str, language: str = "en") -> None:
        self.http = httpx.AsyncClient(
            base_url=url, headers=READER | {"accept-language": language}, trust_env=False, timeout=30
        )
        self.url = url
        self.answer = httpx.Response(204)
        self.went: list[str] = []

    @property
    def text(self) -> str:
        """What stands on the page, in one line."""
        return " ".join(self.page.text.split())

    @property
    def page(self) -> Page:
        return Page(self.answer.text)

    @property
    def path(self) -> str:
        return self.answer.url.path

    async def get(self, path: str, *, status: int = 200) -> Page:
        await self._follow(await self.http.get(path))
        assert self.answer.status_code == status, self.answer.text
        return self.page

    @property
    def has_left(self) -> bool:
        """For a page that is not the shop's: its address is the last of `went`."""
        return bool(self.went) and self.went[-1].startswith("http") and not self.went[-1].startswith(self.url)

    def form(self, end: str) -> FilledForm:
        """The form of the page whose address ends so."""
        return next(form for form in Forms(self.answer.text).found if form.action.partition("?")[0].endswith(end))

    async def send(self, form: FilledForm, *, status: int = 200, **headers: str) -> None:
        sent = await self.http.post(form.action, data=form.fields, headers={"sec-fetch-site": "same-origin"} | headers)
        await self._follow(sent)
        assert self.answer.status_code == (303 if self.has_left else status), self.answer.text

    async def click(self, end: str, *, status: int = 200, **filled: str) -> None:
        """Fills the form in and sends it."""
        form = self.form(end)
        form.fields |= filled
        await self.send(form, status=status)

    async def close(self) -> None:
        await self.http.aclose()

    async def _follow(self, answer: httpx.Response) -> None:
        self.went = []
        while answer.status_code == httpx.codes.SEE_OTHER:
            self.went.append(answer.headers["location"])
            if self.has_left:
                break
            answer = await self.http.get(answer.headers["location"])
        self.answer = answer


def data_images(page: Page) -> list[str]:
    return [image["src"] for image in page.all("img") if re.match(r"data:image/svg\+xml;base64,", image["src"])]
