"""The main job through the generated client: create, wait, read where to
connect, move players in and out, list, delete, stop in bulk, and read errors."""

import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "generated"))

from edgegap_sessions import ApiClient, ApiException, Configuration, SessionsApi
from edgegap_sessions.models import (
    Error,
    FilterType,
    GeoIpListModel,
    PatchSessionModel,
    SelectorEnvModel,
    SelectorModel,
    SessionBulkStopField,
    SessionBulkStopFiltersPayload,
    SessionBulkStopPayload,
    SessionFilterModel,
    SessionGet,
    SessionModel,
)

WEBHOOK_URL = "http://localhost:1/hook?match=m-1042"
LATITUDE, LONGITUDE = 45.50171234567, -73.56731234567


def connect(key: str) -> SessionsApi:
    """Both dicts are keyed by the security scheme's name, not by the header's.
    An unknown key in them is ignored, so a slip sends no header at all."""
    return SessionsApi(
        ApiClient(
            Configuration(
                host=os.environ.get("EDGEGAP_BASE_URL", "http://localhost:8080"),
                api_key={"apiKey": key},
                api_key_prefix={"apiKey": "token"},
            )
        )
    )


def refusal(call, *arguments) -> int:
    """The status of a call that must fail, with the contract's Error."""
    try:
        call(*arguments)
    except ApiException as e:
        assert isinstance(e.data, Error) and e.data.message, e
        return e.status
    raise AssertionError(f"{call.__name__} was not refused")


def ready(api: SessionsApi, session_id: str) -> SessionGet:
    for _ in range(100):
        session = api.get_session(session_id)
        if session.ready:
            return session
        time.sleep(0.1)
    raise AssertionError("the session did not become ready")


api = connect(os.environ["EDGEGAP_API_KEY"])
assert refusal(connect("wrong").list_sessions) == 401

created = api.session_post(
    SessionModel(
        app_name="space-arena",
        version_name="1.4.2",
        ip_list=["203.0.113.10"],
        geo_ip_list=[GeoIpListModel(ip="198.51.100.20", latitude=LATITUDE, longitude=LONGITUDE)],
        filters=[SessionFilterModel(field="country", values=["Canada"], filter_type=FilterType.ANY)],
        selectors=[SelectorModel(tag="ranked", env=SelectorEnvModel(key="MATCH_ID", value="m-1042"))],
        webhook_url=WEBHOOK_URL,
    )
)
assert (created.app, created.version) == ("space-arena", "1.4.2")
assert created.selectors and created.selectors[0].env and created.selectors[0].env.value == "m-1042"
assert created.webhook_url == WEBHOOK_URL

session = ready(api, created.session_id)
assert (session.status, session.kind, session.linked, session.user_count) == ("Ready", "Seat", True, 2)
assert session.app_version > 0 and session.elapsed >= 0 and not session.error
assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", session.create_time)
located = {user.ip: (user.latitude, user.longitude) for user in session.session_users or []}
assert located["198.51.100.20"] == (LATITUDE, LONGITUDE)
deployment = session.deployment
assert deployment and deployment.ready and not deployment.whitelisting_active
assert (deployment.tags, deployment.sockets_usage) == (["ranked"], 2)
assert deployment.location and deployment.location.country == "Canada"
port = (deployment.ports or {})["gameport"]
assert port.link == f"{deployment.fqdn}:{port.external}" and port.internal == 7777

assert len(api.get_users_session(created.session_id).session_users) == 2
more = api.put_users_session(created.session_id, PatchSessionModel(ip_list=["2001:db8::30"]))
assert len(more.session_users) == 3
fewer = api.delete_users_session(created.session_id, PatchSessionModel(ip_list=["203.0.113.10"]))
assert [user.ip for user in fewer.session_users] == ["198.51.100.20", "2001:db8::30"]
crowd = PatchSessionModel(ip_list=[f"192.0.2.{i}" for i in range(20)])
assert refusal(api.put_users_session, created.session_id, crowd) == 422

second = api.session_post(
    SessionModel(app_name="space-arena", ip_list=["192.0.2.1"], deployment_request_id=deployment.request_id)
)
assert second.deployment_request_id == deployment.request_id
host = ready(api, second.session_id).deployment
assert host and host.request_id == deployment.request_id

seen = {}
for page in (1, 2):
    sessions = api.list_sessions(page=page, limit=1)
    pagination = sessions.pagination
    assert sessions.total_count == 2
    assert pagination and pagination.number == page
    assert pagination.paginator and pagination.paginator.num_pages == 2
    assert pagination.has_next == (page == 1)
    assert pagination.next_page_number == (2 if page == 1 else None)
    seen |= {summary.session_id: summary.webhook_url for summary in sessions.data or []}
assert seen.keys() == {created.session_id, second.session_id}
assert seen[created.session_id] == WEBHOOK_URL

deleted = api.session_delete(created.session_id)
assert deleted.session_id == created.session_id and deleted.message
assert refusal(api.session_delete, created.session_id) in (404, 410)

stopped = api.sessions_bulk_stop(
    SessionBulkStopPayload(
        filters=[
            SessionBulkStopFiltersPayload(
                field=SessionBulkStopField.REQUEST_ID,
                values=[deployment.request_id],
                filter_type=FilterType.ANY,
            ),
            SessionBulkStopFiltersPayload(
                field=SessionBulkStopField.SESSION_ID,
                values=[second.session_id, created.session_id],
                filter_type=FilterType.ANY,
            ),
        ]
    )
)
assert [one.session_id for one in stopped.processable] == [second.session_id]

print(f"Python: players connected to {port.link}")
