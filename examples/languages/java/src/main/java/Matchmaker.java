import edgegap.ApiClient;
import edgegap.ApiException;
import edgegap.api.SessionsApi;
import edgegap.model.*;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.BiPredicate;
import java.util.stream.Collectors;
import okhttp3.Interceptor;
import okhttp3.Response;

/** The work of a matchmaker with the client that openapi-generator makes. */
public class Matchmaker implements AutoCloseable {
  static class SessionFailed extends Exception {
    SessionFailed(String message) {
      super(message);
    }
  }

  interface Call<T> {
    T run() throws ApiException;
  }

  static final String PORT = "gameport";

  /** The list shows a session's webhook URL. The UUID makes those of this run unique. */
  static final String HOOK = "https://match.example.com/hook?run=" + UUID.randomUUID() + "&ref=";

  private final SessionsApi api;
  private final List<String> mine = new ArrayList<>();

  Matchmaker(String baseUrl, String key) {
    ApiClient client = new ApiClient();
    client.setHttpClient(
        client
            .getHttpClient()
            .newBuilder()
            .retryOnConnectionFailure(false) // it would also send a create again
            .readTimeout(30, TimeUnit.SECONDS)
            .addInterceptor(Matchmaker::waitOutRateLimits)
            .build());
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
      long seconds = header.matches("\\d{1,9}") ? Long.parseLong(header) : 1L << (attempt - 1);
      seconds = Math.max(1, Math.min(seconds, 30));
      try {
        Thread.sleep(seconds * 1000);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException();
      }
      System.out.println("rate limited for at least " + seconds + " s");
    }
  }

  /** Reports whether a request failed with a 429 or 5xx, or got no response, such as a timeout. */
  static boolean temporary(Exception e) {
    return code(e) == 429 || code(e) >= 500 || e.getCause() instanceof IOException;
  }

  static int code(Exception e) {
    return e instanceof ApiException failure ? failure.getCode() : 0;
  }

  static boolean aFewTimes(Exception e, int attempt) {
    return attempt < 5 && temporary(e);
  }

  /** Makes a call that is safe to repeat, such as a read or a delete, while again is true. */
  static <T> T repeat(Call<T> call, BiPredicate<Exception, Integer> again)
      throws ApiException, InterruptedException {
    for (int attempt = 1; ; attempt++) {
      try {
        return call.run();
      } catch (ApiException | RuntimeException e) { // also from Gson, if the response ends too early
        if (!again.test(e, attempt)) {
          throw e;
        }
      }
      Thread.sleep(1000);
    }
  }

  /** Returns a time for use with passed. */
  static long inSeconds(long seconds) {
    return System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
  }

  static boolean passed(long time) {
    return System.nanoTime() - time > 0;
  }

  /** Creates a session and waits until players may connect. Deletes the session if that fails. */
  SessionGet createAndWait(String match, String version, String... ips)
      throws ApiException, SessionFailed, InterruptedException {
    SessionModel request =
        new SessionModel()
            .appName("arena")
            .versionName(version)
            .ipList(List.of(ips))
            .webhookUrl(HOOK + match);
    String id = api.sessionPost(request).getSessionId();
    long visible = inSeconds(10); // until then, a new session may be 404
    long deadline = inSeconds(120);
    SessionGet session = null;
    boolean done = false;
    try {
      for (; ; Thread.sleep(1000)) {
        session =
            repeat(
                () -> api.getSession(id),
                (e, attempt) ->
                    code(e) == 404 ? !passed(visible) : temporary(e) && !passed(deadline));
        if (session.getReady() && address(session) != null) {
          done = true;
          return session;
        }
        String status = session.getStatus().replaceFirst(".*\\.", "").toLowerCase(); // "Error" or "Status.ERROR"
        if (Set.of("error", "unprocessable", "terminating").contains(status)) {
          throw new SessionFailed(status + ", " + session.getError());
        }
        if (passed(deadline)) {
          throw new SessionFailed(session.getStatus() + " without " + PORT + " after two minutes");
        }
      }
    } finally {
      if (!done) {
        delete(id, session != null, visible);
      }
    }
  }

  /** Deletes a session. Throws nothing, which would hide the reason for the delete. */
  void delete(String id, boolean seen, long visible) {
    try {
      repeat(
          () -> api.sessionDelete(id),
          (e, attempt) ->
              code(e) == 404 && !seen ? !passed(visible) : aFewTimes(e, attempt));
    } catch (Exception e) {
      // A 404 proves that the session is gone only if it was there.
      if (code(e) != 410 && !(code(e) == 404 && seen)) {
        System.err.println("delete " + id + " later: " + e);
        mine.add(id); // close tries again
      }
    }
  }

  /** Returns the address for players, or null if the session has no such port yet. */
  static String address(SessionGet session) {
    Deployment deployment = session.getDeployment();
    if (deployment == null || deployment.getPorts() == null) {
      return null;
    }
    Map<String, PortMapping> ports = deployment.getPorts();
    PortMapping port = ports.get(PORT);
    for (PortMapping other : ports.values()) {
      if (port == null && PORT.equals(other.getName())) { // a key may differ from the name
        port = other;
      }
    }
    if (port == null) {
      return null;
    }
    if (port.getLink() != null && !port.getLink().contains("://")) {
      return port.getLink();
    }
    return port.getExternal() == null ? null : deployment.getFqdn() + ":" + port.getExternal();
  }

  /** Returns all pages of the list, with everybody's sessions. */
  List<List<SessionContext>> pages(long limit) throws ApiException, InterruptedException {
    List<List<SessionContext>> pages = new ArrayList<>();
    long next = 1;
    while (next > pages.size()) {
      long page = pages.size() + 1;
      Sessions list = repeat(() -> api.listSessions(page, limit), Matchmaker::aFewTimes);
      pages.add(Objects.requireNonNullElse(list.getData(), List.of()));
      Pagination pagination = list.getPagination();
      Long number = pagination == null ? null : pagination.getNextPageNumber(); // null on the last page
      next = number == null ? 0 : number;
    }
    return pages;
  }

  static String ips(SessionUserContext users) {
    return users.getSessionUsers().stream().map(SessionUser::getIp).collect(Collectors.joining(", "));
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
    System.out.println(
        "players: " + ips(repeat(() -> api.getUsersSession(id), Matchmaker::aFewTimes)));

    SessionGet second = createAndWait("match-2", "1.4.0", "203.0.113.90");
    mine.add(second.getSessionId());
    System.out.println("match-2 is ready at " + address(second) + ", players: " + second.getUserCount());

    int page = 0;
    for (List<SessionContext> sessions : pages(1)) {
      page++;
      for (SessionContext session : sessions) {
        String url = session.getWebhookUrl();
        if (url != null && url.startsWith(HOOK)) {
          System.out.println("page " + page + ": " + url.substring(HOOK.length()));
        }
      }
    }

    try {
      createAndWait("match-3", "broken", "198.51.100.4");
    } catch (SessionFailed e) {
      System.out.println("match-3 is deleted: " + e.getMessage());
    }
  }

  /** Deletes the sessions of this program. */
  @Override
  public void close() throws Exception {
    if (mine.isEmpty()) {
      return;
    }
    SessionBulkStopFiltersPayload filter =
        new SessionBulkStopFiltersPayload()
            .field(SessionBulkStopField.SESSION_ID)
            .values(mine)
            .filterType(FilterType.ANY);
    SessionBulkStopPayload payload = new SessionBulkStopPayload().filters(List.of(filter));
    SessionBulkStopResponse stopped;
    try {
      stopped = repeat(() -> api.sessionsBulkStop(payload), Matchmaker::aFewTimes);
    } catch (Exception e) {
      System.err.println("delete " + String.join(", ", mine) + " later");
      throw e;
    }
    long left =
        pages(100).stream().flatMap(List::stream).filter(s -> mine.contains(s.getSessionId())).count();
    System.out.println("stopped: " + stopped.getProcessable().size() + ", left: " + left);
  }

  public static void main(String[] arguments) throws Exception {
    String baseUrl = System.getenv().getOrDefault("EDGEGAP_BASE_URL", "https://api.edgegap.com");
    String key = System.getenv().getOrDefault("EDGEGAP_API_KEY", "").replaceFirst("^token ", "");
    if (key.isEmpty()) {
      throw new IllegalArgumentException("EDGEGAP_API_KEY is not set");
    }
    // An exception of close does not replace one of play: it is added to it.
    try (Matchmaker matchmaker = new Matchmaker(baseUrl, key)) {
      matchmaker.play();
    }
  }
}
