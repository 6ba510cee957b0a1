"""The API key of W&B, if one is configured for the server."""

from __future__ import annotations

import os
from pathlib import Path

from alzbench.tracking.client import as_tracking_error, client_module

# the client's key files: if none exists, the client need not be imported
_KEY_FILES = ("~/.netrc", "~/_netrc", "~/.config/wandb/settings")


def has_key() -> bool:
    """Return True if an API key is configured; neither contacts the server nor prompts the user."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    files = [*_KEY_FILES, os.environ.get("NETRC"), f"{os.environ.get('WANDB_CONFIG_DIR', '~')}/settings"]
    if not any(Path(file).expanduser().is_file() for file in files if file):
        return False
    return _has_stored_key()


def _has_stored_key() -> bool:
    """Return True if the client finds credentials for its server in its files."""
    with as_tracking_error():
        wandb = client_module()
        from wandb.sdk.lib import wbauth

        host = wandb.setup().settings.base_url
        return wbauth.authenticate_session(host=host, source="alzbench", prompt=False, update_session=False) is not None
