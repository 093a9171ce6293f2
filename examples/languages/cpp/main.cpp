// The work of a matchmaker with the client that openapi-generator makes for the C++ REST SDK.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <EdgegapSessions/api/SessionsApi.h>

using namespace org::openapitools::client::api;
using namespace org::openapitools::client::model;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

struct SessionFailed : std::runtime_error {
  using runtime_error::runtime_error;
};

// The seconds in the last response's Retry-After, or 0.
static std::atomic<int> retryAfter{0};

static SessionsApi newApi() {
  const char* baseUrl = std::getenv("EDGEGAP_BASE_URL");
  const char* key = std::getenv("EDGEGAP_API_KEY");
  if (key == nullptr) throw std::runtime_error("EDGEGAP_API_KEY is not set");
  auto configuration = std::make_shared<ApiConfiguration>();
  configuration->setBaseUrl(baseUrl != nullptr ? baseUrl : "https://api.edgegap.com");
  configuration->setApiKey("apiKey", std::string("token ") + key);  // by the name of the security scheme
  auto client = std::make_shared<ApiClient>(configuration);
  // An ApiException does not have the response's headers; this handler sees them before it.
  client->setResponseHandler([](web::http::status_code, const web::http::http_headers& headers) {
    const auto header = headers.find("Retry-After");
    retryAfter = header != headers.end() ? std::atoi(header->second.c_str()) : 0;
  });
  return SessionsApi(client);
}

// Makes a call, and repeats it after a 429. Nothing was done then, so that even a create may be
// sent again. After any other failure, a create may have been carried out.
template <class Call>
static auto send(Call call) {
  for (int attempt = 1;; attempt++) {
    try {
      return call().get();
    } catch (const ApiException& e) {
      if (e.error_code().value() != 429 || attempt == 5) throw;
    }
    const int seconds = retryAfter > 0 ? retryAfter.load() : attempt;
    std::this_thread::sleep_for(std::chrono::seconds(seconds));
    std::cout << "rate limited for at least " << seconds << " s\n";
  }
}

static void deleteSession(const SessionsApi& api, const std::string& id) {
  try {
    send([&] { return api.sessionDelete(id); });
  } catch (const ApiException& e) {
    if (e.error_code().value() != 404 && e.error_code().value() != 410) throw;
  }
}

// "error" for "Error" and "Status.ERROR".
static std::string normalize(std::string status) {
  status.erase(0, status.rfind('.') + 1);
  std::transform(status.begin(), status.end(), status.begin(), [](unsigned char c) { return std::tolower(c); });
  return status;
}

static std::shared_ptr<SessionGet> waitReady(const SessionsApi& api, const std::string& id) {
  for (const auto deadline = Clock::now() + 30s;; std::this_thread::sleep_for(1s)) {
    std::shared_ptr<SessionGet> session;
    try {
      session = send([&] { return api.getSession(id); });
    } catch (const ApiException& e) {
      if (e.error_code().value() >= 500 && Clock::now() < deadline) continue;
      throw;
    }
    if (session->isReady()) return session;
    const std::string status = normalize(session->getStatus());
    if (status == "error" || status == "unprocessable" || status == "terminating") {
      // A getter of an optional field that is absent or null is undefined behavior.
      throw SessionFailed(status + ", " + (session->errorIsSet() ? session->getError() : ""));
    }
    if (Clock::now() > deadline) throw SessionFailed("still " + session->getStatus() + " after 30 s");
  }
}

// Creates a session and waits until players may connect. Deletes the session if that fails.
static std::shared_ptr<SessionGet> createAndWait(const SessionsApi& api, const std::string& match,
                                                 const std::string& version, const std::vector<std::string>& ips) {
  auto request = std::make_shared<SessionModel>();
  request->setAppName("arena");
  request->setVersionName(version);
  request->setIpList(ips);
  request->setWebhookUrl("https://match.example.com/hook?ref=" + match);  // the list shows it
  const std::string id = send([&] { return api.sessionPost(request); })->getSessionId();
  try {
    return waitReady(api, id);
  } catch (...) {
    deleteSession(api, id);
    throw;
  }
}

static std::string address(const SessionGet& session) {
  if (!session.deploymentIsSet() || !session.getDeployment()->portsIsSet()) return "";
  const auto ports = session.getDeployment()->getPorts();
  const auto port = ports.find("gameport");
  return port != ports.end() && port->second->linkIsSet() ? port->second->getLink() : "";
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
      std::cout << "page " << page << ": " << web::uri::split_query(web::uri(url).query())["ref"] << "\n";
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
  const auto stopped = send([&] { return api.sessionsBulkStop(request); })->getProcessable();
  const auto left = send([&] { return api.listSessions(boost::none, boost::none); });
  std::cout << "stopped: " << stopped.size() << ", left: " << (left->dataIsSet() ? left->getData().size() : 0) << "\n";
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
  if (!mine.empty()) stopAll(api, mine);
  if (failure) std::rethrow_exception(failure);
} catch (const std::exception& e) {
  std::cerr << "matchmaker: " << e.what() << "\n";
  return 1;
}
