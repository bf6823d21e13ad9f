"""An empty Litestar application, to compare memory and start with.

Touches: nothing.
"""

from litestar import Litestar, get


@get("/")
async def hello() -> dict[str, str]:
    """Answer something."""
    return {"hello": "world"}


app = Litestar([hello], openapi_config=None)
