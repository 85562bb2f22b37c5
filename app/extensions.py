"""The Flask extensions, created unbound so that create_app can bind them to any number of apps."""

from flask_babel import Babel
from flask_compress import Compress
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from htmx_flask import Htmx

from app.models import Base

db = SQLAlchemy(model_class=Base)
migrate = Migrate()
babel = Babel()
htmx = Htmx()
login = LoginManager()
compress = Compress()
