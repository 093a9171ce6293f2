"""The work of a matchmaker with the client that openapi-generator makes."""

import os
import sys
import time
import uuid

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
from urllib3.exceptions import HTTPError

PORT = "gameport"
# The list shows a session's webhook URL. The UUID makes those of this run unique.
HOOK = f"https://match.example.com/hook?run={uuid.uuid4()}&ref="


class TimeoutClient(ApiClient):
    """Sets a timeout. The client has none, and ignores that of socket.setdefaulttimeout."""

    def call_api(self, *args, _request_timeout=None, **kwargs):
        return super().call_api(*args, _request_timeout=_request_timeout or 30, **kwargs)


class RateLimitRetry(Retry):
    """Waits as long as Retry-After says, but at most 30 s. Without it, 1 s, then twice as long."""

    def sleep(self, response=None):
        header = response.headers.get("Retry-After", "")
        seconds = int(header) if header.isdecimal() else 2 ** (len(self.history) - 1)
        seconds = min(max(seconds, 1), 30)
        time.sleep(seconds)
        print(f"rate limited for at least {seconds} s")


key = os.environ.get("EDGEGAP_API_KEY", "").removeprefix("token ")
if not key:
    sys.exit("EDGEGAP_API_KEY is not set")
configuration = Configuration(
    host=os.environ.get("EDGEGAP_BASE_URL", "https://api.edgegap.com"),
    # Keyed by the name of the security scheme. With another name no key is sent.
    api_key={"apiKey": key},
    api_key_prefix={"apiKey": "token"},
    # After a 429 nothing was done, so that even a create (allowed_methods) may be sent again. After
    # any other failure, a create may have been carried out. With a total, urllib3 would also repeat
    # a create that got a 503.
    retries=RateLimitRetry(
        total=None, connect=0, read=0, redirect=0, other=0, status=4, status_forcelist=[429],
        allowed_methods=None, raise_on_status=False,
    ),
)
api = SessionsApi(TimeoutClient(configuration))
mine: list[str] = []


class SessionFailed(Exception):
    pass


def status_code(e: BaseException) -> int:
    return e.status if isinstance(e, ApiException) else 0


def temporary(e: BaseException) -> bool:
    """Report whether the request failed with a 429 or 5xx, or got no response, such as a timeout."""
    return status_code(e) == 429 or status_code(e) >= 500 or isinstance(e, HTTPError)


def a_few_times(e: BaseException, attempt: int) -> bool:
    return attempt < 5 and temporary(e)


def repeat(call, again=a_few_times):
    """Make a call that is safe to repeat, such as a read or a delete, while again(error, attempt)."""
    attempt = 1
    while True:
        try:
            return call()
        except Exception as e:
            if not again(e, attempt):
                raise
        time.sleep(1)
        attempt += 1


def create_and_wait(match: str, version: str, ips: list[str]) -> SessionGet:
    """Create a session and wait until players may connect. Delete the session if that fails."""
    session_id = api.session_post(
        SessionModel(app_name="arena", version_name=version, ip_list=ips, webhook_url=HOOK + match)
    ).session_id
    visible = time.monotonic() + 10  # until then, a new session may be 404
    deadline = time.monotonic() + 120

    def read_again(e: BaseException, _: int) -> bool:
        if status_code(e) == 404:
            return time.monotonic() < visible
        return temporary(e) and time.monotonic() < deadline

    def delete_again(e: BaseException, attempt: int) -> bool:
        if status_code(e) == 404 and not session:
            return time.monotonic() < visible
        return a_few_times(e, attempt)

    session = None
    try:
        while True:
            session = repeat(lambda: api.get_session(session_id), read_again)
            if session.ready and address(session):
                return session
            status = session.status.split(".")[-1].lower()  # "Error" or "Status.ERROR"
            if status in ("error", "unprocessable", "terminating"):
                raise SessionFailed(f"{status}, {session.error}")
            if time.monotonic() > deadline:
                raise SessionFailed(f"{session.status} without {PORT} after two minutes")
            time.sleep(1)
    except BaseException:  # also Ctrl-C
        try:
            repeat(lambda: api.session_delete(session_id), delete_again)
        except BaseException as e:
            # A 404 proves that the session is gone only if it was there.
            if not (status_code(e) == 410 or status_code(e) == 404 and session):
                print(f"delete {session_id} later: {e}", file=sys.stderr)
                mine.append(session_id)  # stop_all tries again
        raise


def address(session: SessionGet) -> str | None:
    """Return the address for players, or None if the session has no such port yet."""
    ports = session.deployment and session.deployment.ports or {}
    # A key may differ from the name.
    port = ports.get(PORT) or next((p for p in ports.values() if p.name == PORT), None)
    if port and port.link and "://" not in port.link:
        return port.link
    return f"{session.deployment.fqdn}:{port.external}" if port and port.external else None


def pages(limit: int):
    """Yield the number and the sessions of each page of the list, with everybody's sessions."""
    page = following = 1
    while following >= page:
        sessions = repeat(lambda: api.list_sessions(page=page, limit=limit))
        yield page, sessions.data or []
        pagination = sessions.pagination
        following = pagination and pagination.next_page_number or 0  # None on the last page
        page += 1


def ips(users: SessionUserContext) -> str:
    return ", ".join(user.ip for user in users.session_users)


def play() -> None:
    first = create_and_wait("match-1", "1.4.0", ["203.0.113.7", "198.51.100.23"])
    mine.append(first.session_id)
    print(f"match-1 is ready at {address(first)}, players: {first.user_count}")

    change = PatchSessionModel(ip_list=["192.0.2.61"])
    print("one more:", ips(api.put_users_session(first.session_id, change)))
    change = PatchSessionModel(ip_list=["198.51.100.23"])
    print("one less:", ips(api.delete_users_session(first.session_id, change)))
    print("players:", ips(repeat(lambda: api.get_users_session(first.session_id))))

    second = create_and_wait("match-2", "1.4.0", ["203.0.113.90"])
    mine.append(second.session_id)
    print(f"match-2 is ready at {address(second)}, players: {second.user_count}")

    for page, sessions in pages(limit=1):
        for session in sessions:
            if session.webhook_url and session.webhook_url.startswith(HOOK):
                print(f"page {page}: {session.webhook_url.removeprefix(HOOK)}")

    try:
        create_and_wait("match-3", "broken", ["198.51.100.4"])
    except SessionFailed as e:
        print(f"match-3 is deleted: {e}")


def stop_all() -> bool:
    """Delete the sessions of this program. Raise nothing that would hide an error of play."""
    if not mine:
        return True
    try:
        by_id = SessionBulkStopFiltersPayload(
            field=SessionBulkStopField.SESSION_ID, values=mine, filter_type=FilterType.ANY
        )
        stopped = repeat(lambda: api.sessions_bulk_stop(SessionBulkStopPayload(filters=[by_id])))
        left = [s for _, sessions in pages(limit=100) for s in sessions if s.session_id in mine]
        print(f"stopped: {len(stopped.processable)}, left: {len(left)}")
        return True
    except BaseException as e:
        print(f"delete {', '.join(mine)} later: {e}", file=sys.stderr)
        return False


try:
    play()
finally:
    all_stopped = stop_all()
if not all_stopped:
    sys.exit(1)
