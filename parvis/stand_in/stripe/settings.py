from pathlib import Path

import msgspec


class StripeStandInSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the stand-in can be told when it starts; the rest is adjusted under `/_stand_in/`."""

    webhook_secret: str = "whsec_stand_in"  # noqa: S105 (made up, as everything here)
    """Signs the webhooks of every endpoint that was registered without a secret of its own."""

    data_path: Path | None = None
    """SQLite file that carries the state over a restart; without it the state lives in memory only."""

    public_url: str | None = None
    """Address a browser uses to reach the hosted page; without it, the address of the API call itself."""

    webhook_retry_delays_seconds: tuple[float, ...] = (0.2, 1.0, 5.0)
    """Pauses before the second, third, … attempt of a webhook that was not answered with 2xx."""

    webhook_timeout_seconds: float = 10.0
