// The main job through the generated client: create, wait, read where to
// connect, move players in and out, list, delete, stop in bulk, and read errors.

import edgegap.apis.SessionsApi
import edgegap.infrastructure.ApiClient
import edgegap.infrastructure.ClientError
import edgegap.infrastructure.ClientException
import edgegap.infrastructure.Serializer
import edgegap.models.*

const val WEBHOOK_URL = "http://localhost:1/hook?match=m-1042"
const val LATITUDE = 45.50171234567
const val LONGITUDE = -73.56731234567

/** The status of a call that must fail, with the contract's Error, whose body comes as text. */
fun refusal(call: () -> Any): Int {
    try {
        call()
    } catch (e: ClientException) {
        val body = (e.response as ClientError<*>).body as String
        val error = Serializer.moshi.adapter(edgegap.models.Error::class.java).fromJson(body)
        check(!error?.message.isNullOrEmpty())
        return e.statusCode
    }
    error("not refused")
}

fun ready(api: SessionsApi, sessionId: String): SessionGet {
    repeat(100) {
        val session = api.getSession(sessionId)
        if (session.ready) return session
        Thread.sleep(100)
    }
    error("the session did not become ready")
}

fun main() {
    val api = SessionsApi(System.getenv("EDGEGAP_BASE_URL") ?: "http://localhost:8080")

    // Both maps are keyed by the header's name, and shared by all clients of the process.
    ApiClient.apiKeyPrefix["authorization"] = "token"
    ApiClient.apiKey["authorization"] = "wrong"
    check(refusal { api.listSessions() } == 401)
    ApiClient.apiKey["authorization"] = checkNotNull(System.getenv("EDGEGAP_API_KEY")) { "set EDGEGAP_API_KEY" }

    val created = api.sessionPost(
        SessionModel(
            appName = "space-arena",
            versionName = "1.4.2",
            ipList = listOf("203.0.113.10"),
            geoIpList = listOf(GeoIpListModel("198.51.100.20", LATITUDE, LONGITUDE)),
            filters = listOf(SessionFilterModel("country", listOf("Canada"), FilterType.any)),
            selectors = listOf(SelectorModel("ranked", env = SelectorEnvModel("MATCH_ID", "m-1042"))),
            webhookUrl = WEBHOOK_URL,
        )
    )
    check(created.app == "space-arena" && created.version == "1.4.2")
    check(created.selectors?.first()?.env?.value == "m-1042")
    check(created.webhookUrl == WEBHOOK_URL)
    val id = created.sessionId

    val session = ready(api, id)
    check(session.status == "Ready" && session.kind == "Seat" && session.linked && session.error == null)
    val counts: List<Long> = listOf(session.userCount, session.appVersion, session.elapsed)
    check(counts[0] == 2L && counts[1] > 0 && counts[2] >= 0)
    check(session.createTime.matches(Regex("""\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}""")))
    val located = session.sessionUsers?.single { it.ip == "198.51.100.20" }
    check(located?.latitude == LATITUDE && located.longitude == LONGITUDE)
    val deployment = checkNotNull(session.deployment)
    check(deployment.ready && !deployment.whitelistingActive)
    check(deployment.tags == listOf("ranked") && deployment.socketsUsage == 2L)
    check(deployment.location?.country == "Canada")
    val port = checkNotNull(deployment.ports?.get("gameport"))
    val external: Int? = port.external
    check(port.link == "${deployment.fqdn}:$external" && port.`internal` == 7777)

    check(api.getUsersSession(id).sessionUsers.size == 2)
    check(api.putUsersSession(id, PatchSessionModel(listOf("2001:db8::30"))).sessionUsers.size == 3)
    val fewer = api.deleteUsersSession(id, PatchSessionModel(listOf("203.0.113.10")))
    check(fewer.sessionUsers.map { it.ip } == listOf("198.51.100.20", "2001:db8::30"))
    check(refusal { api.putUsersSession(id, PatchSessionModel(List(20) { "192.0.2.$it" })) } == 422)

    val second = api.sessionPost(
        SessionModel("space-arena", ipList = listOf("192.0.2.1"), deploymentRequestId = deployment.requestId)
    )
    check(second.deploymentRequestId == deployment.requestId)
    check(ready(api, second.sessionId).deployment?.requestId == deployment.requestId)

    val seen = mutableMapOf<String, String?>()
    for (page in 1L..2L) {
        val list = api.listSessions(page, 1)
        val pagination = checkNotNull(list.pagination)
        check(list.totalCount == 2L && pagination.number == page)
        check(pagination.paginator?.numPages == 2L)
        check(pagination.hasNext == (page == 1L))
        check(pagination.nextPageNumber == if (page == 1L) 2L else null)
        list.data?.forEach { seen[it.sessionId] = it.webhookUrl }
    }
    check(seen.keys == setOf(id, second.sessionId) && seen[id] == WEBHOOK_URL)

    val deleted = api.sessionDelete(id)
    check(deleted.sessionId == id && deleted.message.isNotEmpty())
    check(refusal { api.sessionDelete(id) } in listOf(404, 410))

    val stopped = api.sessionsBulkStop(
        SessionBulkStopPayload(
            listOf(
                SessionBulkStopFiltersPayload(SessionBulkStopField.request_id, listOf(deployment.requestId), FilterType.any),
                SessionBulkStopFiltersPayload(SessionBulkStopField.session_id, listOf(second.sessionId, id), FilterType.any),
            )
        )
    )
    check(stopped.processable.map { it.sessionId } == listOf(second.sessionId))

    println("Kotlin: players connected to ${port.link}")
}
