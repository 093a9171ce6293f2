"""The work of a matchmaker with the client that openapi-generator makes."""

import os
import re
import socket
import time
from urllib.parse import parse_qs, urlsplit

from edgegap_sessions import ApiClient, ApiException, Configuration, SessionsApi
from edgegap_sessions.models import (
    FilterType,
    PatchSessionModel,
    SessionBulkStopField,
    SessionBulkStopFiltersPayload,
    SessionBulkStopPayload,
    SessionGet,
    SessionModel,
    SessionUserContext,
)
from urllib3 import Retry

socket.setdefaulttimeout(30)  # the client has no timeout of its own


class RateLimitRetry(Retry):
    def sleep(self, response=None):
        super().sleep(response)
        print(f"rate limited for at least {self.get_retry_after(response)} s")


configuration = Configuration(
    host=os.environ.get("EDGEGAP_BASE_URL", "https://api.edgegap.com"),
    # Keyed by the name of the security scheme. With another name no key is sent.
    api_key={"apiKey": os.environ["EDGEGAP_API_KEY"]},
    api_key_prefix={"apiKey": "token"},
    # After a 429 nothing was done, so that even a create (allowed_methods) may be sent again. After
    # any other failure, a create may have been carried out. With a total, urllib3 would also repeat
    # a create that got a 503.
    retries=RateLimitRetry(
        total=None, connect=0, read=0, redirect=0, other=0, status=4, status_forcelist=[429],
        allowed_methods=None, backoff_factor=1, raise_on_status=False,
    ),
)
api = SessionsApi(ApiClient(configuration))


class SessionFailed(Exception):
    pass


def create_and_wait(match: str, version: str, ips: list[str]) -> SessionGet:
    """Create a session and wait until players may connect. Delete the session if that fails."""
    created = api.session_post(
        SessionModel(
            app_name="arena",
            version_name=version,
            ip_list=ips,
            webhook_url=f"https://match.example.com/hook?ref={match}",  # the list shows it
        )
    )
    try:
        return wait_ready(created.session_id)
    except BaseException:  # also Ctrl-C
        delete_session(created.session_id)
        raise


def wait_ready(session_id: str) -> SessionGet:
    deadline = time.monotonic() + 30
    while True:
        try:
            session = api.get_session(session_id)
        except ApiException as e:
            if e.status < 500 or time.monotonic() > deadline:
                raise
            time.sleep(1)
            continue
        if session.ready:
            return session
        status = re.sub(r".*\.", "", session.status).lower()  # "Error" or "Status.ERROR"
        if status in ("error", "unprocessable", "terminating"):
            raise SessionFailed(f"{status}, {session.error}")
        if time.monotonic() > deadline:
            raise SessionFailed(f"still {session.status} after 30 s")
        time.sleep(1)


def delete_session(session_id: str) -> None:
    try:
        api.session_delete(session_id)
    except ApiException as e:
        if e.status not in (404, 410):
            raise


def address(session: SessionGet) -> str | None:
    ports = session.deployment and session.deployment.ports or {}
    return ports["gameport"].link if "gameport" in ports else None


def ips(users: SessionUserContext) -> str:
    return ", ".join(user.ip for user in users.session_users)


mine: list[str] = []
try:
    first = create_and_wait("match-1", "1.4.0", ["203.0.113.7", "198.51.100.23"])
    mine.append(first.session_id)
    print(f"match-1 is ready at {address(first)}, players: {first.user_count}")

    change = PatchSessionModel(ip_list=["192.0.2.61"])
    print("one more:", ips(api.put_users_session(first.session_id, change)))
    change = PatchSessionModel(ip_list=["198.51.100.23"])
    print("one less:", ips(api.delete_users_session(first.session_id, change)))
    print("players:", ips(api.get_users_session(first.session_id)))

    second = create_and_wait("match-2", "1.4.0", ["203.0.113.90"])
    mine.append(second.session_id)
    print(f"match-2 is ready at {address(second)}, players: {second.user_count}")

    page, following = 1, 1
    while following >= page:
        sessions = api.list_sessions(page=page, limit=1)
        for summary in sessions.data or []:
            match = parse_qs(urlsplit(summary.webhook_url or "").query).get("ref", [None])[0]
            print(f"page {page}: {match}")
        pagination = sessions.pagination
        following = pagination and pagination.next_page_number or 0  # None on the last page
        page += 1

    try:
        create_and_wait("match-3", "broken", ["198.51.100.4"])
    except SessionFailed as e:
        print(f"match-3 is deleted: {e}")
finally:
    if mine:
        by_id = SessionBulkStopFiltersPayload(
            field=SessionBulkStopField.SESSION_ID, values=mine, filter_type=FilterType.ANY
        )
        stopped = api.sessions_bulk_stop(SessionBulkStopPayload(filters=[by_id]))
        left = api.list_sessions().data or []
        print(f"stopped: {len(stopped.processable)}, left: {len(left)}")
