// The work of a matchmaker with the client that openapi-generator makes for the C++ REST SDK.
#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <EdgegapSessions/ApiClient.h>
#include <EdgegapSessions/ApiConfiguration.h>
#include <EdgegapSessions/ApiException.h>
#include <EdgegapSessions/api/SessionsApi.h>

using namespace org::openapitools::client::api;
using namespace org::openapitools::client::model;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

struct SessionFailed : std::runtime_error {
  using runtime_error::runtime_error;
};

struct RateLimited : std::runtime_error {
  explicit RateLimited(long retryAfter) : runtime_error("rate limited"), retryAfter(retryAfter) {}
  long retryAfter;  // in seconds; 0 if unknown
};

static SessionsApi newApi() {
  const char* baseUrl = std::getenv("EDGEGAP_BASE_URL");
  const char* key = std::getenv("EDGEGAP_API_KEY");
  if (key == nullptr) throw std::runtime_error("EDGEGAP_API_KEY is not set");
  auto configuration = std::make_shared<ApiConfiguration>();
  configuration->setBaseUrl(baseUrl != nullptr ? baseUrl : "https://api.edgegap.com");
  configuration->setApiKey("apiKey", std::string("token ") + key);  // by the name of the security scheme
  auto client = std::make_shared<ApiClient>(configuration);
  // An ApiException does not have the response's headers; this handler sees them before it.
  client->setResponseHandler([](web::http::status_code status, const web::http::http_headers& headers) {
    if (status != web::http::status_codes::TooManyRequests) return;
    const auto header = headers.find("Retry-After");
    throw RateLimited(header != headers.end() ? std::strtol(header->second.c_str(), nullptr, 10) : 0);
  });
  return SessionsApi(client);
}

// Makes a call, and repeats it after a 429. Nothing was done then, so that even a create may be
// sent again. After any other failure, a create may have been carried out.
template <class Call>
static auto send(Call call) {
  for (int attempt = 1;; attempt++) {
    long seconds = 1L << (attempt - 1);
    try {
      return call().get();
    } catch (const RateLimited& e) {
      if (attempt == 5) throw;
      if (e.retryAfter > 0) seconds = std::min(e.retryAfter, 30L);
    }
    std::this_thread::sleep_for(std::chrono::seconds(seconds));
    std::cout << "rate limited for at least " << seconds << " s\n";
  }
}

// The status code of the response, or 0 if the connection failed.
static int statusOf(const web::http::http_exception& e) {
  return dynamic_cast<const ApiException*>(&e) != nullptr ? e.error_code().value() : 0;
}

// Makes a call that is safe to repeat, such as a read or a delete. Repeats it until the deadline
// after a 5xx or a connection failure, and after a 404 until the session must be visible.
template <class Call>
static auto sendRepeatedly(Call call, Clock::time_point deadline, Clock::time_point visible = {}) {
  for (;; std::this_thread::sleep_for(1s)) {
    try {
      return send(call);
    } catch (const web::http::http_exception& e) {
      const int status = statusOf(e);
      if (Clock::now() > (status == 404 ? visible : deadline)) throw;
      if (status != 0 && status != 404 && status < 500) throw;
    }
  }
}

static void deleteSession(const SessionsApi& api, const std::string& id, Clock::time_point visible) {
  try {
    sendRepeatedly([&] { return api.sessionDelete(id); }, Clock::now() + 10s, visible);
  } catch (const ApiException& e) {
    if (statusOf(e) != 404 && statusOf(e) != 410) throw;
  }
}

static std::string address(const SessionGet& session) {
  // A getter of an optional field that is absent or null is undefined behavior.
  if (!session.deploymentIsSet() || !session.getDeployment()->portsIsSet()) return "";
  const auto ports = session.getDeployment()->getPorts();
  const auto port = ports.find("gameport");
  return port != ports.end() && port->second->linkIsSet() ? port->second->getLink() : "";
}

// "error" for "Error" and "Status.ERROR".
static std::string normalize(std::string status) {
  status.erase(0, status.rfind('.') + 1);
  std::transform(status.begin(), status.end(), status.begin(), [](unsigned char c) { return std::tolower(c); });
  return status;
}

static std::shared_ptr<SessionGet> waitReady(const SessionsApi& api, const std::string& id, Clock::time_point visible) {
  for (const auto deadline = Clock::now() + 2min;; std::this_thread::sleep_for(1s)) {
    const auto session = sendRepeatedly([&] { return api.getSession(id); }, deadline, visible);
    if (session->isReady() && !address(*session).empty()) return session;
    const std::string status = normalize(session->getStatus());
    if (status == "error" || status == "unprocessable" || status == "terminating") {
      throw SessionFailed(status + ", " + (session->errorIsSet() ? session->getError() : ""));
    }
    if (Clock::now() > deadline) throw SessionFailed("no gameport after 2 min, status " + session->getStatus());
  }
}

// Creates a session and waits until players may connect. Deletes the session if that fails.
static std::shared_ptr<SessionGet> createAndWait(const SessionsApi& api, const std::string& match,
                                                 const std::string& version, const std::vector<std::string>& ips) {
  auto request = std::make_shared<SessionModel>();
  request->setAppName("arena");
  request->setVersionName(version);
  request->setIpList(ips);
  // Unique, so that the list shows whether a create without a response was carried out.
  request->setWebhookUrl("https://match.example.com/hook?ref=" + match);
  const std::string id = send([&] { return api.sessionPost(request); })->getSessionId();
  if (id.empty()) throw std::runtime_error(match + " was created without a session_id");
  const auto visible = Clock::now() + 10s;  // a new session may be 404 at first
  try {
    return waitReady(api, id, visible);
  } catch (...) {
    try {
      deleteSession(api, id, visible);
    } catch (const std::exception& e) {
      std::cerr << "delete " << id << " later: " << e.what() << "\n";
    }
    throw;
  }
}

static std::shared_ptr<PatchSessionModel> players(const std::vector<std::string>& ips) {
  auto change = std::make_shared<PatchSessionModel>();
  change->setIpList(ips);
  return change;
}

static std::string ips(const SessionUserContext& users) {
  std::string list;
  for (const auto& user : users.getSessionUsers()) list += (list.empty() ? "" : ", ") + user->getIp();
  return list;
}

static void listPages(const SessionsApi& api) {
  for (int64_t page = 1, next = 1; next >= page; page++) {
    const auto list = send([&] { return api.listSessions(page, 1); });
    for (const auto& session : list->dataIsSet() ? list->getData() : std::vector<std::shared_ptr<SessionContext>>{}) {
      const std::string url = session->webhookUrlIsSet() ? session->getWebhookUrl() : "";
      const std::string query = web::uri::validate(url) ? web::uri(url).query() : "";
      std::cout << "page " << page << ": " << web::uri::split_query(query)["ref"] << "\n";
    }
    // Not set on the last page.
    const bool more = list->paginationIsSet() && list->getPagination()->nextPageNumberIsSet();
    next = more ? list->getPagination()->getNextPageNumber() : 0;
  }
}

static void play(const SessionsApi& api, std::vector<std::string>& mine) {
  const auto first = createAndWait(api, "match-1", "1.4.0", {"203.0.113.7", "198.51.100.23"});
  const std::string id = first->getSessionId();
  mine.push_back(id);
  std::cout << "match-1 is ready at " << address(*first) << ", players: " << first->getUserCount() << "\n";

  std::cout << "one more: " << ips(*send([&] { return api.putUsersSession(id, players({"192.0.2.61"})); })) << "\n";
  std::cout << "one less: " << ips(*send([&] { return api.deleteUsersSession(id, players({"198.51.100.23"})); })) << "\n";
  std::cout << "players: " << ips(*send([&] { return api.getUsersSession(id); })) << "\n";

  const auto second = createAndWait(api, "match-2", "1.4.0", {"203.0.113.90"});
  mine.push_back(second->getSessionId());
  std::cout << "match-2 is ready at " << address(*second) << ", players: " << second->getUserCount() << "\n";

  listPages(api);

  try {
    createAndWait(api, "match-3", "broken", {"198.51.100.4"});
  } catch (const SessionFailed& e) {
    std::cout << "match-3 is deleted: " << e.what() << "\n";
  }
}

static void stopAll(const SessionsApi& api, const std::vector<std::string>& ids) {
  auto field = std::make_shared<SessionBulkStopField>();
  field->setValue(SessionBulkStopField::eSessionBulkStopField::SESSION_ID);
  auto any = std::make_shared<FilterType>();
  any->setValue(FilterType::eFilterType::ANY);
  auto filter = std::make_shared<SessionBulkStopFiltersPayload>();
  filter->setField(field);
  filter->setValues(ids);
  filter->setFilterType(any);
  auto request = std::make_shared<SessionBulkStopPayload>();
  request->setFilters({filter});
  std::shared_ptr<SessionBulkStopResponse> stopped;
  try {
    stopped = sendRepeatedly([&] { return api.sessionsBulkStop(request); }, Clock::now() + 10s);
  } catch (const std::exception& e) {
    for (const auto& id : ids) std::cerr << "delete " << id << " later: " << e.what() << "\n";
    throw;
  }
  const auto left = send([&] { return api.listSessions(boost::none, boost::none); });
  std::cout << "stopped: " << stopped->getProcessable().size()
            << ", left: " << (left->dataIsSet() ? left->getData().size() : 0) << "\n";
}

int main() try {
  const SessionsApi api = newApi();
  std::vector<std::string> mine;
  std::exception_ptr failure;
  try {
    play(api, mine);
  } catch (...) {
    failure = std::current_exception();
  }
  try {
    if (!mine.empty()) stopAll(api, mine);
  } catch (...) {
    if (!failure) failure = std::current_exception();
  }
  if (failure) std::rethrow_exception(failure);
} catch (const std::exception& e) {
  std::cerr << "matchmaker: " << e.what() << "\n";
  const auto* response = dynamic_cast<const ApiException*>(&e);
  if (response != nullptr && response->getContent() != nullptr) std::cerr << response->getContent()->rdbuf() << "\n";
  return 1;
}
