"""Serves django-oauth-toolkit with its own dynamic registration, below /o, and an API at /api.

The user is ada, with the password pw, and logs in at the page of Django's admin. `/test/*` changes
what the server knows.
"""

import logging
import pathlib
import tempfile

import django
from django.conf import settings
from werkzeug.serving import make_server

logging.disable()
folder = tempfile.TemporaryDirectory()
settings.configure(
    SECRET_KEY="tests",
    DEBUG=True,
    LOGGING_CONFIG=None,
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["127.0.0.1"],
    USE_TZ=True,
    LOGIN_URL="/admin/login/",
    STATIC_URL="/static/",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.admin",
        "oauth2_provider",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": pathlib.Path(folder.name) / "db.sqlite",
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    OAUTH2_PROVIDER={
        "DCR_ENABLED": True,
        "DCR_REGISTRATION_PERMISSION_CLASSES": ("oauth2_provider.dcr.AllowAllDCRPermission",),
        "SCOPES": {"read": "Read", "write": "Write"},
        "ALLOWED_REDIRECT_URI_SCHEMES": ["http", "https"],
    },
)
django.setup()

from django.contrib import admin
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import include, path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from oauth2_provider import urls
from oauth2_provider.models import AccessToken, Application, RefreshToken
from oauth2_provider.views.generic import ProtectedResourceView
from oauth2_provider.views.mixins import ProtectedResourceMetadataMixin


class Api(ProtectedResourceMetadataMixin, ProtectedResourceView):
    def get(self, request):
        return HttpResponse("ok")


@csrf_exempt
def expire(request):
    AccessToken.objects.update(expires=timezone.now() - timezone.timedelta(days=1))
    return HttpResponse()


@csrf_exempt
def end(request):
    RefreshToken.objects.all().delete()
    AccessToken.objects.all().delete()
    return HttpResponse()


@csrf_exempt
def forget(request):
    Application.objects.all().delete()
    return HttpResponse()


urlpatterns = [
    path("admin/", admin.site.urls),
    path("api", Api.as_view()),
    path("test/expire", expire),
    path("test/end", end),
    path("test/forget", forget),
    path("o/", include("oauth2_provider.urls")),
    path("", include((urls.metadata_urlpatterns, "oauth2_provider"), namespace="metadata")),
]

if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    User.objects.create_superuser("ada", "ada@example.com", "pw")
    server = make_server("127.0.0.1", 0, get_wsgi_application())
    print(server.server_port, flush=True)
    server.serve_forever()
