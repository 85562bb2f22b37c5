"""The Flask extensions, created unbound so that create_app can bind them to any number of apps."""

from flask import Response
from flask_babel import Babel
from flask_compress import Compress
from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from htmx_flask import Htmx

from app.models import Base


class CompressRefusals(Compress):
    """Compresses refusals too: a form that comes back with its errors is the longest answer there is."""

    def after_request(self, response: Response | None) -> Response:
        """Hide a 4xx status from the library, which leaves such answers as they are."""
        if response is None or not 400 <= response.status_code < 500:
            return super().after_request(response)
        status, response.status_code = response.status, 200
        compressed = super().after_request(response)
        compressed.status = status
        return compressed


db = SQLAlchemy(model_class=Base)
babel = Babel()
htmx = Htmx()
login = LoginManager()
compress = CompressRefusals()
