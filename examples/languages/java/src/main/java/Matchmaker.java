import edgegap.ApiClient;
import edgegap.ApiException;
import edgegap.api.SessionsApi;
import edgegap.model.*;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import okhttp3.Interceptor;
import okhttp3.Response;

/** The work of a matchmaker with the client that openapi-generator makes. */
public class Matchmaker {
  static class SessionFailed extends Exception {
    SessionFailed(String message) {
      super(message);
    }
  }

  private final SessionsApi api;
  private final List<String> mine = new ArrayList<>();

  Matchmaker(String baseUrl, String key) {
    ApiClient client = new ApiClient();
    client.setHttpClient(
        client.getHttpClient().newBuilder().addInterceptor(Matchmaker::waitOutRateLimits).build());
    client.setBasePath(baseUrl);
    client.setApiKeyPrefix("token");
    client.setApiKey(key);
    api = new SessionsApi(client);
  }

  /**
   * Repeats a request that gets a 429. Nothing was done then, so that even a create may be sent
   * again. After any other failure, a create may have been carried out.
   */
  static Response waitOutRateLimits(Interceptor.Chain chain) throws IOException {
    for (int attempt = 1; ; attempt++) {
      Response response = chain.proceed(chain.request());
      if (response.code() != 429 || attempt == 5) {
        return response;
      }
      String header = response.header("Retry-After", "");
      response.close();
      int seconds = header.matches("\\d{1,3}") ? Integer.parseInt(header) : attempt;
      try {
        Thread.sleep(seconds * 1000L);
      } catch (InterruptedException e) {
        throw new InterruptedIOException();
      }
      System.out.println("rate limited for at least " + seconds + " s");
    }
  }

  /** Creates a session and waits until players may connect. Deletes the session if that fails. */
  SessionGet createAndWait(String match, String version, String... ips)
      throws ApiException, SessionFailed, InterruptedException {
    String id =
        api.sessionPost(
                new SessionModel()
                    .appName("arena")
                    .versionName(version)
                    .ipList(List.of(ips))
                    .webhookUrl("https://match.example.com/hook?ref=" + match)) // the list shows it
            .getSessionId();
    boolean ready = false;
    try {
      SessionGet session = waitReady(id);
      ready = true;
      return session;
    } finally {
      if (!ready) {
        delete(id);
      }
    }
  }

  SessionGet waitReady(String id) throws ApiException, SessionFailed, InterruptedException {
    for (long deadline = System.nanoTime() + 30_000_000_000L; ; Thread.sleep(1000)) {
      SessionGet session;
      try {
        session = api.getSession(id);
      } catch (ApiException e) {
        if (e.getCode() >= 500 && System.nanoTime() - deadline < 0) {
          continue;
        }
        throw e;
      }
      if (session.getReady()) {
        return session;
      }
      String status = session.getStatus().replaceFirst(".*\\.", "").toLowerCase(); // "Error" or "Status.ERROR"
      if (Set.of("error", "unprocessable", "terminating").contains(status)) {
        throw new SessionFailed(status + ", " + session.getError());
      }
      if (System.nanoTime() - deadline > 0) {
        throw new SessionFailed("still " + session.getStatus() + " after 30 s");
      }
    }
  }

  void delete(String id) throws ApiException {
    try {
      api.sessionDelete(id);
    } catch (ApiException e) {
      if (e.getCode() != 404 && e.getCode() != 410) {
        throw e;
      }
    }
  }

  static String address(SessionGet session) {
    Deployment deployment = session.getDeployment();
    if (deployment == null || deployment.getPorts() == null) {
      return null;
    }
    PortMapping port = deployment.getPorts().get("gameport");
    return port == null ? null : port.getLink();
  }

  static String ips(SessionUserContext users) {
    return users.getSessionUsers().stream().map(SessionUser::getIp).collect(Collectors.joining(", "));
  }

  static String reference(String webhookUrl) {
    String query = webhookUrl == null ? null : URI.create(webhookUrl).getQuery();
    return query == null ? null : query.replaceFirst("^ref=", "");
  }

  void play() throws Exception {
    SessionGet first = createAndWait("match-1", "1.4.0", "203.0.113.7", "198.51.100.23");
    String id = first.getSessionId();
    mine.add(id);
    System.out.println("match-1 is ready at " + address(first) + ", players: " + first.getUserCount());

    PatchSessionModel change = new PatchSessionModel().ipList(List.of("192.0.2.61"));
    System.out.println("one more: " + ips(api.putUsersSession(id, change)));
    change = new PatchSessionModel().ipList(List.of("198.51.100.23"));
    System.out.println("one less: " + ips(api.deleteUsersSession(id, change)));
    System.out.println("players: " + ips(api.getUsersSession(id)));

    SessionGet second = createAndWait("match-2", "1.4.0", "203.0.113.90");
    mine.add(second.getSessionId());
    System.out.println("match-2 is ready at " + address(second) + ", players: " + second.getUserCount());

    for (long page = 1, next = 1; next >= page; page++) {
      Sessions list = api.listSessions(page, 1L);
      for (SessionContext session : Objects.requireNonNullElse(list.getData(), List.<SessionContext>of())) {
        System.out.println("page " + page + ": " + reference(session.getWebhookUrl()));
      }
      Pagination pagination = list.getPagination();
      Long number = pagination == null ? null : pagination.getNextPageNumber(); // null on the last page
      next = number == null ? 0 : number;
    }

    try {
      createAndWait("match-3", "broken", "198.51.100.4");
    } catch (SessionFailed e) {
      System.out.println("match-3 is deleted: " + e.getMessage());
    }
  }

  void stopAll() throws ApiException {
    if (mine.isEmpty()) {
      return;
    }
    SessionBulkStopFiltersPayload filter =
        new SessionBulkStopFiltersPayload()
            .field(SessionBulkStopField.SESSION_ID)
            .values(mine)
            .filterType(FilterType.ANY);
    SessionBulkStopResponse stopped =
        api.sessionsBulkStop(new SessionBulkStopPayload().filters(List.of(filter)));
    List<SessionContext> left = api.listSessions(null, null).getData();
    System.out.println(
        "stopped: " + stopped.getProcessable().size() + ", left: " + (left == null ? 0 : left.size()));
  }

  public static void main(String[] arguments) throws Exception {
    String baseUrl = System.getenv().getOrDefault("EDGEGAP_BASE_URL", "https://api.edgegap.com");
    String key = Objects.requireNonNull(System.getenv("EDGEGAP_API_KEY"), "EDGEGAP_API_KEY is not set");
    Matchmaker matchmaker = new Matchmaker(baseUrl, key);
    try {
      matchmaker.play();
    } finally {
      matchmaker.stopAll();
    }
  }
}
