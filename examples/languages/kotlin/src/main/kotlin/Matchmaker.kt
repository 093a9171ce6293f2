// The work of a matchmaker with the client that openapi-generator makes.

import edgegap.apis.SessionsApi
import edgegap.infrastructure.ApiClient
import edgegap.infrastructure.ClientException
import edgegap.infrastructure.ServerException
import edgegap.models.*
import java.net.URI
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource
import okhttp3.Interceptor
import okhttp3.Response

class SessionFailed(message: String) : Exception(message)

/**
 * Repeats a request that gets a 429. Nothing was done then, so that even a create may be sent again.
 * After any other failure, a create may have been carried out.
 */
fun waitOutRateLimits(chain: Interceptor.Chain): Response {
    for (attempt in 1..4) {
        val response = chain.proceed(chain.request())
        if (response.code != 429) return response
        response.close()
        val seconds = response.header("Retry-After")?.toIntOrNull() ?: attempt
        Thread.sleep(seconds * 1000L)
        println("rate limited for at least $seconds s")
    }
    return chain.proceed(chain.request())
}

class Matchmaker(private val api: SessionsApi) {
    private val mine = mutableListOf<String>()

    /** Creates a session and waits until players may connect. Deletes the session if that fails. */
    fun createAndWait(match: String, version: String, vararg ips: String): SessionGet {
        val id = api.sessionPost(
            SessionModel(
                appName = "arena",
                versionName = version,
                ipList = ips.toList(),
                webhookUrl = "https://match.example.com/hook?ref=$match", // the list shows it
            )
        ).sessionId
        try {
            return waitReady(id)
        } catch (e: Exception) {
            delete(id)
            throw e
        }
    }

    private fun waitReady(id: String): SessionGet {
        val started = TimeSource.Monotonic.markNow()
        while (true) {
            val session = try {
                api.getSession(id)
            } catch (e: ServerException) {
                if (started.elapsedNow() > 30.seconds) throw e
                Thread.sleep(1000)
                continue
            }
            if (session.ready) return session
            val status = session.status.substringAfterLast('.').lowercase() // "Error" or "Status.ERROR"
            if (status in setOf("error", "unprocessable", "terminating")) {
                throw SessionFailed("$status, ${session.error}")
            }
            if (started.elapsedNow() > 30.seconds) throw SessionFailed("still ${session.status} after 30 s")
            Thread.sleep(1000)
        }
    }

    private fun delete(id: String) {
        try {
            api.sessionDelete(id)
        } catch (e: ClientException) {
            if (e.statusCode !in setOf(404, 410)) throw e
        }
    }

    fun play() {
        val first = createAndWait("match-1", "1.4.0", "203.0.113.7", "198.51.100.23")
        val id = first.sessionId
        mine += id
        println("match-1 is ready at ${address(first)}, players: ${first.userCount}")

        println("one more: ${ips(api.putUsersSession(id, PatchSessionModel(listOf("192.0.2.61"))))}")
        println("one less: ${ips(api.deleteUsersSession(id, PatchSessionModel(listOf("198.51.100.23"))))}")
        println("players: ${ips(api.getUsersSession(id))}")

        val second = createAndWait("match-2", "1.4.0", "203.0.113.90")
        mine += second.sessionId
        println("match-2 is ready at ${address(second)}, players: ${second.userCount}")

        var page = 1L
        do {
            val list = api.listSessions(page, 1)
            for (session in list.`data`.orEmpty()) {
                val match = session.webhookUrl?.let { URI(it).query?.removePrefix("ref=") }
                println("page $page: $match")
            }
            page++
        } while ((list.pagination?.nextPageNumber ?: 0) >= page) // null on the last page

        try {
            createAndWait("match-3", "broken", "198.51.100.4")
        } catch (e: SessionFailed) {
            println("match-3 is deleted: ${e.message}")
        }
    }

    fun stopAll() {
        if (mine.isEmpty()) return
        val filter = SessionBulkStopFiltersPayload(SessionBulkStopField.session_id, mine, FilterType.any)
        val stopped = api.sessionsBulkStop(SessionBulkStopPayload(listOf(filter)))
        println("stopped: ${stopped.processable.size}, left: ${api.listSessions().`data`.orEmpty().size}")
    }
}

fun address(session: SessionGet) = session.deployment?.ports?.get("gameport")?.link

fun ips(users: SessionUserContext) = users.sessionUsers.joinToString { it.ip }

fun main() {
    val key = checkNotNull(System.getenv("EDGEGAP_API_KEY")) { "EDGEGAP_API_KEY is not set" }
    // Both maps are keyed by the name of the header, and shared by all clients of the process.
    ApiClient.apiKey["authorization"] = key
    ApiClient.apiKeyPrefix["authorization"] = "token"
    val http = ApiClient.defaultClient.newBuilder().addInterceptor(::waitOutRateLimits).build()
    val matchmaker = Matchmaker(SessionsApi(System.getenv("EDGEGAP_BASE_URL") ?: "https://api.edgegap.com", http))
    try {
        matchmaker.play()
    } finally {
        matchmaker.stopAll()
    }
}
