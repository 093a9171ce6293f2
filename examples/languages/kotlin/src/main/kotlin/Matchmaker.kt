// The work of a matchmaker with the client that openapi-generator makes.

import edgegap.apis.SessionsApi
import edgegap.infrastructure.ApiClient
import edgegap.infrastructure.ClientError
import edgegap.infrastructure.ClientException
import edgegap.infrastructure.ServerException
import edgegap.models.*
import java.io.IOException
import java.io.InterruptedIOException
import java.util.UUID
import java.util.concurrent.TimeUnit
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource.Monotonic.markNow
import okhttp3.Interceptor
import okhttp3.Response

const val PORT = "gameport"

/** The list shows a session's webhook URL. The UUID makes those of this run unique. */
val hook = "https://match.example.com/hook?run=${UUID.randomUUID()}&ref="

class SessionFailed(message: String) : Exception(message)

/**
 * Repeats a request that gets a 429. Nothing was done then, so that even a create may be sent again.
 * After any other failure, a create may have been carried out.
 */
fun waitOutRateLimits(chain: Interceptor.Chain): Response {
    for (attempt in 0..3) {
        val response = chain.proceed(chain.request())
        if (response.code != 429) return response
        response.close()
        val seconds = (response.header("Retry-After")?.toLongOrNull() ?: (1L shl attempt)).coerceIn(1, 30)
        try {
            Thread.sleep(seconds * 1000)
        } catch (e: InterruptedException) {
            Thread.currentThread().interrupt()
            throw InterruptedIOException()
        }
        println("rate limited for at least $seconds s")
    }
    return chain.proceed(chain.request())
}

/** Reports whether a request failed with a 429 or 5xx, or got no response, such as a timeout. */
fun temporary(e: Exception) = e.statusCode == 429 || e is ServerException || e is IOException

fun aFewTimes(e: Exception, attempt: Int) = attempt < 5 && temporary(e)

/** Makes a call that is safe to repeat, such as a read or a delete, while again is true. */
fun <T> repeatable(again: (Exception, Int) -> Boolean = ::aFewTimes, call: () -> T): T {
    var attempt = 1
    while (true) {
        try {
            return call()
        } catch (e: Exception) {
            if (!again(e, attempt++)) throw e
        }
        Thread.sleep(1000)
    }
}

val Exception.statusCode get() = (this as? ClientException)?.statusCode

/** The message of an exception. That of a ClientException lacks the response, with the server's message. */
fun describe(e: Exception) =
    if (e is ClientException) "${e.message} ${(e.response as? ClientError<*>)?.body}" else e.toString()

class Matchmaker(private val api: SessionsApi) : AutoCloseable {
    private val mine = mutableListOf<String>()

    /** Creates a session and waits until players may connect. Deletes the session if that fails. */
    fun createAndWait(match: String, version: String, vararg ips: String): SessionGet {
        val id = api.sessionPost(
            SessionModel(appName = "arena", versionName = version, ipList = ips.toList(), webhookUrl = hook + match)
        ).sessionId
        val visible = markNow() + 10.seconds // until then, a new session may be 404
        val deadline = markNow() + 120.seconds
        var seen = false
        try {
            while (true) {
                val session = repeatable({ e, _ ->
                    if (e.statusCode == 404) visible.hasNotPassedNow() else temporary(e) && deadline.hasNotPassedNow()
                }) { api.getSession(id) }
                seen = true
                if (session.ready && address(session) != null) return session
                val status = session.status.substringAfterLast('.').lowercase() // "Error" or "Status.ERROR"
                if (status in setOf("error", "unprocessable", "terminating")) {
                    throw SessionFailed("$status, ${session.error}")
                }
                if (deadline.hasPassedNow()) {
                    throw SessionFailed("${session.status} without $PORT after two minutes")
                }
                Thread.sleep(1000)
            }
        } catch (e: Throwable) {
            try {
                repeatable({ e, attempt ->
                    if (e.statusCode == 404 && !seen) visible.hasNotPassedNow() else aFewTimes(e, attempt)
                }) { api.sessionDelete(id) }
            } catch (failure: Exception) {
                // A 404 proves that the session is gone only if it was there.
                val gone = failure.statusCode == 410 || failure.statusCode == 404 && seen
                if (!gone) {
                    System.err.println("delete $id later: ${describe(failure)}")
                    mine += id // close tries again
                }
            }
            throw e
        }
    }

    /** Returns the pages of the list, with everybody's sessions. */
    private fun pages(limit: Long) = sequence {
        var page = 1L
        do {
            val list = repeatable { api.listSessions(page, limit) }
            yield(list.`data`.orEmpty())
            page++
        } while ((list.pagination?.nextPageNumber ?: 0) >= page) // null on the last page
    }

    fun play() {
        val first = createAndWait("match-1", "1.4.0", "203.0.113.7", "198.51.100.23")
        val id = first.sessionId
        mine += id
        println("match-1 is ready at ${address(first)}, players: ${first.userCount}")

        println("one more: ${ips(api.putUsersSession(id, PatchSessionModel(listOf("192.0.2.61"))))}")
        println("one less: ${ips(api.deleteUsersSession(id, PatchSessionModel(listOf("198.51.100.23"))))}")
        println("players: ${ips(repeatable { api.getUsersSession(id) })}")

        val second = createAndWait("match-2", "1.4.0", "203.0.113.90")
        mine += second.sessionId
        println("match-2 is ready at ${address(second)}, players: ${second.userCount}")

        pages(1).forEachIndexed { i, sessions ->
            sessions.mapNotNull { it.webhookUrl }.filter { it.startsWith(hook) }.forEach {
                println("page ${i + 1}: ${it.removePrefix(hook)}")
            }
        }

        try {
            createAndWait("match-3", "broken", "198.51.100.4")
        } catch (e: SessionFailed) {
            println("match-3 is deleted: ${e.message}")
        }
    }

    /** Deletes the sessions of this program. */
    override fun close() {
        if (mine.isEmpty()) return
        val filter = SessionBulkStopFiltersPayload(SessionBulkStopField.session_id, mine, FilterType.any)
        val stopped = try {
            repeatable { api.sessionsBulkStop(SessionBulkStopPayload(listOf(filter))) }
        } catch (e: Exception) {
            System.err.println("delete ${mine.joinToString()} later: ${describe(e)}")
            throw e
        }
        val left = pages(100).flatten().count { it.sessionId in mine }
        println("stopped: ${stopped.processable.size}, left: $left")
    }
}

/** Returns the address for players, or null if the session has no such port yet. */
fun address(session: SessionGet): String? {
    val ports = session.deployment?.ports ?: return null
    val port = ports[PORT] ?: ports.values.find { it.name == PORT } ?: return null // a key may differ from the name
    return port.link?.takeUnless { "://" in it } ?: port.`external`?.let { "${session.deployment.fqdn}:$it" }
}

fun ips(users: SessionUserContext) = users.sessionUsers.joinToString { it.ip }

fun main() {
    val key = System.getenv("EDGEGAP_API_KEY")?.removePrefix("token ")
    require(!key.isNullOrEmpty()) { "EDGEGAP_API_KEY is not set" }
    // Both maps are keyed by the name of the header, and shared by all clients of the process.
    ApiClient.apiKey["authorization"] = key
    ApiClient.apiKeyPrefix["authorization"] = "token"
    val http = ApiClient.defaultClient.newBuilder()
        .retryOnConnectionFailure(false) // it would also send a create again
        .readTimeout(30, TimeUnit.SECONDS)
        .addInterceptor(::waitOutRateLimits)
        .build()
    val api = SessionsApi(System.getenv("EDGEGAP_BASE_URL") ?: "https://api.edgegap.com", http)
    try {
        // An exception of close does not replace one of play: it is added to it.
        Matchmaker(api).use { it.play() }
    } catch (e: ClientException) {
        throw Exception(describe(e), e)
    }
}
