import edgegap.ApiClient;
import edgegap.ApiException;
import edgegap.api.SessionsApi;
import edgegap.model.*;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;

/**
 * The main job through the generated client: create, wait, read where to connect, move players in
 * and out, list, delete, stop in bulk, and read errors.
 */
public class Main {
  static final String WEBHOOK_URL = "http://localhost:1/hook?match=m-1042";
  static final double LATITUDE = 45.50171234567;
  static final double LONGITUDE = -73.56731234567;

  static SessionsApi connect(String key) {
    ApiClient client = new ApiClient();
    client.setBasePath(Objects.requireNonNullElse(System.getenv("EDGEGAP_BASE_URL"), "http://localhost:8080"));
    client.setApiKeyPrefix("token");
    client.setApiKey(key);
    return new SessionsApi(client);
  }

  static void check(boolean holds) {
    if (!holds) {
      throw new AssertionError();
    }
  }

  interface Call {
    Object make() throws ApiException;
  }

  /** The status of a call that must fail, with the contract's Error. */
  static int refusal(Call call) throws Exception {
    try {
      call.make();
    } catch (ApiException e) {
      // An Error with the package, as java.lang has one too. The body comes as text.
      check(!edgegap.model.Error.fromJson(e.getResponseBody()).getMessage().isEmpty());
      return e.getCode();
    }
    throw new AssertionError("not refused");
  }

  static SessionGet ready(SessionsApi api, String sessionId) throws Exception {
    for (int attempt = 0; attempt < 100; attempt++) {
      SessionGet session = api.getSession(sessionId);
      if (session.getReady()) {
        return session;
      }
      Thread.sleep(100);
    }
    throw new AssertionError("the session did not become ready");
  }

  static List<String> ips(SessionUserContext context) {
    return context.getSessionUsers().stream().map(SessionUser::getIp).toList();
  }

  static SessionBulkStopFiltersPayload filter(SessionBulkStopField field, String... values) {
    return new SessionBulkStopFiltersPayload().field(field).values(Arrays.asList(values)).filterType(FilterType.ANY);
  }

  public static void main(String[] arguments) throws Exception {
    SessionsApi api = connect(Objects.requireNonNull(System.getenv("EDGEGAP_API_KEY"), "set EDGEGAP_API_KEY"));
    check(refusal(() -> connect("wrong").listSessions(null, null)) == 401);

    SessionRequest created = api.sessionPost(new SessionModel()
        .appName("space-arena")
        .versionName("1.4.2")
        .ipList(List.of("203.0.113.10"))
        .geoIpList(List.of(new GeoIpListModel().ip("198.51.100.20").latitude(LATITUDE).longitude(LONGITUDE)))
        .filters(List.of(new SessionFilterModel().field("country").values(List.of("Canada")).filterType(FilterType.ANY)))
        .selectors(List.of(new SelectorModel().tag("ranked").env(new SelectorEnvModel().key("MATCH_ID").value("m-1042"))))
        .webhookUrl(WEBHOOK_URL));
    check(created.getApp().equals("space-arena") && created.getVersion().equals("1.4.2"));
    check(created.getSelectors().get(0).getEnv().getValue().equals("m-1042"));
    check(created.getWebhookUrl().equals(WEBHOOK_URL));
    String id = created.getSessionId();

    SessionGet session = ready(api, id);
    check(session.getStatus().equals("Ready") && session.getKind().equals("Seat") && session.getLinked());
    long userCount = session.getUserCount();
    Long appVersion = session.getAppVersion();
    Long elapsed = session.getElapsed();
    check(userCount == 2 && appVersion > 0 && elapsed >= 0 && session.getError() == null);
    check(session.getCreateTime().matches("\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d{6}"));
    SessionUser located = session.getSessionUsers().stream().filter(user -> user.getIp().equals("198.51.100.20")).findFirst().get();
    Double latitude = located.getLatitude();
    check(latitude == LATITUDE && located.getLongitude() == LONGITUDE);
    Deployment deployment = session.getDeployment();
    check(deployment.getReady() && !deployment.getWhitelistingActive());
    check(deployment.getTags().equals(List.of("ranked")) && deployment.getSocketsUsage() == 2);
    check(deployment.getLocation().getCountry().equals("Canada"));
    PortMapping port = deployment.getPorts().get("gameport");
    Integer external = port.getExternal();
    check(port.getLink().equals(deployment.getFqdn() + ":" + external) && port.getInternal() == 7777);

    check(api.getUsersSession(id).getSessionUsers().size() == 2);
    check(api.putUsersSession(id, new PatchSessionModel().ipList(List.of("2001:db8::30"))).getSessionUsers().size() == 3);
    SessionUserContext fewer = api.deleteUsersSession(id, new PatchSessionModel().ipList(List.of("203.0.113.10")));
    check(ips(fewer).equals(List.of("198.51.100.20", "2001:db8::30")));
    List<String> crowd = IntStream.range(0, 20).mapToObj(i -> "192.0.2." + i).toList();
    check(refusal(() -> api.putUsersSession(id, new PatchSessionModel().ipList(crowd))) == 422);

    SessionRequest second = api.sessionPost(new SessionModel()
        .appName("space-arena")
        .ipList(List.of("192.0.2.1"))
        .deploymentRequestId(deployment.getRequestId()));
    check(second.getDeploymentRequestId().equals(deployment.getRequestId()));
    check(ready(api, second.getSessionId()).getDeployment().getRequestId().equals(deployment.getRequestId()));

    Map<String, String> seen = new HashMap<>();
    for (long page = 1; page <= 2; page++) {
      Sessions list = api.listSessions(page, 1L);
      Pagination pagination = list.getPagination();
      check(list.getTotalCount() == 2 && pagination.getNumber() == page);
      check(pagination.getPaginator().getNumPages() == 2);
      check(pagination.getHasNext() == (page == 1));
      check(Objects.equals(pagination.getNextPageNumber(), page == 1 ? (Long) 2L : null));
      list.getData().forEach(summary -> seen.put(summary.getSessionId(), summary.getWebhookUrl()));
    }
    check(seen.size() == 2 && seen.containsKey(second.getSessionId()) && WEBHOOK_URL.equals(seen.get(id)));

    SessionDelete deleted = api.sessionDelete(id);
    check(deleted.getSessionId().equals(id) && !deleted.getMessage().isEmpty());
    check(List.of(404, 410).contains(refusal(() -> api.sessionDelete(id))));

    SessionBulkStopResponse stopped = api.sessionsBulkStop(new SessionBulkStopPayload().filters(List.of(
        filter(SessionBulkStopField.REQUEST_ID, deployment.getRequestId()),
        filter(SessionBulkStopField.SESSION_ID, second.getSessionId(), id))));
    check(stopped.getProcessable().stream().map(SessionStopResponse::getSessionId).toList().equals(List.of(second.getSessionId())));

    System.out.println("Java: players connected to " + port.getLink());
  }
}
