//! The work of a matchmaker with the client that openapi-generator makes.

use std::error::Error;
use std::time::{Duration, Instant};

use edgegap_sessions::apis::configuration::{ApiKey, Configuration};
use edgegap_sessions::apis::{self, sessions_api as api};
use edgegap_sessions::models::{
    FilterType, PatchSessionModel, SessionBulkStopField, SessionBulkStopFiltersPayload,
    SessionBulkStopPayload, SessionGet, SessionModel, SessionUserContext,
};
use reqwest::{Client, Request, Response, StatusCode, Url};
use reqwest_middleware::{ClientBuilder, Middleware, Next};

/// How long a session may take to become ready.
const READY_TIMEOUT: Duration = Duration::from_secs(120);

/// How long a new session may be 404.
const VISIBLE_AFTER: Duration = Duration::from_secs(10);

/// How long to repeat a failing delete.
const DELETE_TIMEOUT: Duration = Duration::from_secs(10);

/// Repeats a request that gets a 429. Nothing was done then, so that even a create may be sent
/// again. After any other failure, a create may have been carried out.
struct WaitOutRateLimits;

#[async_trait::async_trait]
impl Middleware for WaitOutRateLimits {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut http::Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        for attempt in 1..5 {
            let copy = request.try_clone().expect("the body is in memory");
            let response = next.clone().run(copy, extensions).await?;
            if response.status() != StatusCode::TOO_MANY_REQUESTS {
                return Ok(response);
            }
            let header = response
                .headers()
                .get("retry-after")
                .and_then(|value| value.to_str().ok());
            let seconds = header
                .and_then(|value| value.parse::<u64>().ok())
                .unwrap_or(1 << (attempt - 1))
                .clamp(1, 30);
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            println!("rate limited for at least {seconds} s");
        }
        next.run(request, extensions).await
    }
}

#[derive(Debug)]
struct SessionFailed(String);

impl std::fmt::Display for SessionFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for SessionFailed {}

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn configuration() -> Result<Configuration> {
    let http = Client::builder().timeout(Duration::from_secs(30)).build()?;
    Ok(Configuration {
        base_path: std::env::var("EDGEGAP_BASE_URL").unwrap_or("https://api.edgegap.com".into()),
        api_key: Some(ApiKey {
            prefix: Some("token".into()),
            key: std::env::var("EDGEGAP_API_KEY").map_err(|e| format!("EDGEGAP_API_KEY: {e}"))?,
        }),
        client: ClientBuilder::new(http).with(WaitOutRateLimits).build(),
        ..Configuration::default()
    })
}

/// Creates a session and waits until players may connect. Deletes the session if that fails.
async fn create_and_wait(
    config: &Configuration,
    name: &str,
    version: &str,
    ips: &[&str],
) -> Result<SessionGet> {
    let request = SessionModel {
        version_name: Some(version.into()),
        ip_list: Some(ips.iter().map(|ip| ip.to_string()).collect()),
        // Unique, so that the list shows whether a create without a response was carried out.
        webhook_url: Some(format!("https://match.example.com/hook?ref={name}")),
        ..SessionModel::new("arena".into())
    };
    let id = api::session_post(config, request).await?.session_id;
    let visible = Instant::now() + VISIBLE_AFTER;
    let result = wait_ready(config, &id, visible).await;
    if result.is_err() {
        if let Err(e) = delete(config, &id, visible).await {
            eprintln!("delete {id} later: {e:?}");
        }
    }
    result
}

/// Makes a call that is safe to repeat, such as a read or a delete. Repeats it until the deadline
/// after a 5xx or a connection failure, and after a 404 until the session must be visible.
async fn repeat<T, E, F>(
    call: impl Fn() -> F,
    deadline: Instant,
    visible: Instant,
) -> std::result::Result<T, apis::Error<E>>
where
    F: Future<Output = std::result::Result<T, apis::Error<E>>>,
{
    loop {
        let result = call().await;
        let until = match &result {
            Err(apis::Error::ResponseError(e)) if e.status == StatusCode::NOT_FOUND => visible,
            Err(apis::Error::ResponseError(e)) if e.status.is_server_error() => deadline,
            Err(apis::Error::Reqwest(_) | apis::Error::ReqwestMiddleware(_)) => deadline,
            _ => return result,
        };
        if Instant::now() > until {
            return result;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn wait_ready(config: &Configuration, id: &str, visible: Instant) -> Result<SessionGet> {
    let deadline = Instant::now() + READY_TIMEOUT;
    loop {
        let session = repeat(|| api::get_session(config, id), deadline, visible).await?;
        if session.ready && address(&session).is_some() {
            return Ok(session);
        }
        let status = session
            .status
            .rsplit('.')
            .next()
            .unwrap_or_default()
            .to_lowercase(); // "Error" or "Status.ERROR"
        if ["error", "unprocessable", "terminating"].contains(&status.as_str()) {
            // A field that may be absent and may be null is an Option of an Option.
            let error = session.error.flatten().unwrap_or_default();
            return Err(SessionFailed(format!("{status}, {error}")).into());
        }
        if Instant::now() > deadline {
            let text = format!("no gameport after {READY_TIMEOUT:?}, status {status}");
            return Err(SessionFailed(text).into());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn delete(config: &Configuration, id: &str, visible: Instant) -> Result<()> {
    let deadline = Instant::now() + DELETE_TIMEOUT;
    match repeat(|| api::session_delete(config, id), deadline, visible).await {
        Err(apis::Error::ResponseError(e)) if [404, 410].contains(&e.status.as_u16()) => Ok(()),
        result => Ok(result.map(drop)?),
    }
}

fn address(session: &SessionGet) -> Option<&str> {
    let ports = session
        .deployment
        .as_ref()?
        .as_ref()?
        .ports
        .as_ref()?
        .as_ref()?;
    ports.get("gameport")?.link.as_ref()?.as_deref()
}

fn ips(users: SessionUserContext) -> String {
    let ips: Vec<String> = users
        .session_users
        .into_iter()
        .map(|user| user.ip)
        .collect();
    ips.join(", ")
}

fn reference(webhook_url: Option<String>) -> Option<String> {
    let url = Url::parse(&webhook_url?).ok()?;
    url.query_pairs()
        .find(|(name, _)| name == "ref")
        .map(|(_, value)| value.into_owned())
}

async fn play(config: &Configuration, mine: &mut Vec<String>) -> Result<()> {
    let first = create_and_wait(
        config,
        "match-1",
        "1.4.0",
        &["203.0.113.7", "198.51.100.23"],
    )
    .await?;
    let id = first.session_id.as_str();
    mine.push(id.into());
    println!(
        "match-1 is ready at {}, players: {}",
        address(&first).unwrap_or_default(),
        first.user_count
    );

    let change = PatchSessionModel::new(vec!["192.0.2.61".into()]);
    println!(
        "one more: {}",
        ips(api::put_users_session(config, id, change).await?)
    );
    let change = PatchSessionModel::new(vec!["198.51.100.23".into()]);
    println!(
        "one less: {}",
        ips(api::delete_users_session(config, id, change).await?)
    );
    println!(
        "players: {}",
        ips(api::get_users_session(config, id).await?)
    );

    let second = create_and_wait(config, "match-2", "1.4.0", &["203.0.113.90"]).await?;
    mine.push(second.session_id.clone());
    println!(
        "match-2 is ready at {}, players: {}",
        address(&second).unwrap_or_default(),
        second.user_count
    );

    let mut page = 1;
    loop {
        let list = api::list_sessions(config, Some(page), Some(1)).await?;
        for session in list.data.flatten().unwrap_or_default() {
            println!(
                "page {page}: {}",
                reference(session.webhook_url.flatten()).unwrap_or_default()
            );
        }
        match list
            .pagination
            .flatten()
            .and_then(|p| p.next_page_number.flatten())
        {
            Some(next) if next > page => page = next,
            _ => break,
        }
    }

    match create_and_wait(config, "match-3", "broken", &["198.51.100.4"]).await {
        Err(e) if e.is::<SessionFailed>() => println!("match-3 is deleted: {e}"),
        result => drop(result?),
    }
    Ok(())
}

async fn stop_all(config: &Configuration, ids: Vec<String>) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let later = ids.join(", ");
    let filter =
        SessionBulkStopFiltersPayload::new(SessionBulkStopField::SessionId, ids, FilterType::Any);
    let request = SessionBulkStopPayload::new(vec![filter]);
    let now = Instant::now();
    let stop = || api::sessions_bulk_stop(config, request.clone());
    let stopped = repeat(stop, now + DELETE_TIMEOUT, now)
        .await
        .inspect_err(|e| eprintln!("delete {later} later: {e:?}"))?;
    let left = api::list_sessions(config, None, None)
        .await?
        .data
        .flatten()
        .unwrap_or_default();
    println!(
        "stopped: {}, left: {}",
        stopped.processable.len(),
        left.len()
    );
    Ok(())
}

/// Returns the error, which is then printed with the response's body; the exit code is 1.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let config = configuration()?;
    let mut mine = Vec::new();
    let result = play(&config, &mut mine).await;
    let stopped = stop_all(&config, mine).await;
    result.and(stopped)
}
