//! The main job through the generated client: create, wait, read where to
//! connect, move players in and out, list, delete, stop in bulk, and read errors.

use std::collections::HashMap;
use std::time::Duration;

use edgegap_sessions::apis::configuration::{ApiKey, Configuration};
use edgegap_sessions::apis::{Error, sessions_api};
use edgegap_sessions::models;

const WEBHOOK_URL: &str = "http://localhost:1/hook?match=m-1042";
const LATITUDE: f64 = 45.50171234567;
const LONGITUDE: f64 = -73.56731234567;

fn connect(key: String) -> Configuration {
    Configuration {
        base_path: std::env::var("EDGEGAP_BASE_URL").unwrap_or("http://localhost:8080".into()),
        api_key: Some(ApiKey { prefix: Some("token".into()), key }),
        ..Configuration::default()
    }
}

/// The status of a call that must fail, with the contract's Error.
fn refusal<T: std::fmt::Debug, E>(result: Result<T, Error<E>>) -> u16 {
    match result {
        Err(Error::ResponseError(answer)) => {
            let error: models::Error = serde_json::from_str(&answer.content).expect("an Error");
            assert!(!error.message.is_empty());
            answer.status.as_u16()
        }
        Err(other) => panic!("{other}"),
        Ok(answer) => panic!("not refused: {answer:?}"),
    }
}

async fn ready(api: &Configuration, session_id: &str) -> models::SessionGet {
    for _ in 0..100 {
        let session = sessions_api::get_session(api, session_id).await.unwrap();
        if session.ready {
            return session;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the session did not become ready");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let api = &connect(std::env::var("EDGEGAP_API_KEY").expect("set EDGEGAP_API_KEY"));
    assert_eq!(refusal(sessions_api::list_sessions(&connect("wrong".into()), None, None).await), 401);

    let env = models::SelectorEnvModel::new("MATCH_ID".into(), "m-1042".into());
    let selector = models::SelectorModel { env: Some(Some(Box::new(env))), ..models::SelectorModel::new("ranked".into()) };
    let request = models::SessionModel {
        version_name: Some("1.4.2".into()),
        ip_list: Some(vec!["203.0.113.10".into()]),
        geo_ip_list: Some(vec![models::GeoIpListModel::new("198.51.100.20".into(), LATITUDE, LONGITUDE)]),
        filters: Some(vec![models::SessionFilterModel::new("country".into(), vec!["Canada".into()], models::FilterType::Any)]),
        selectors: Some(vec![selector]),
        webhook_url: Some(WEBHOOK_URL.into()),
        ..models::SessionModel::new("space-arena".into())
    };
    let created = sessions_api::session_post(api, request).await.unwrap();
    assert_eq!((created.app.as_str(), created.version.as_str()), ("space-arena", "1.4.2"));
    // A field that may be absent or null is an Option of an Option.
    let selectors = created.selectors.flatten().unwrap();
    assert_eq!(selectors[0].env.clone().flatten().unwrap().value, "m-1042");
    assert_eq!(created.webhook_url.flatten().unwrap(), WEBHOOK_URL);

    let session = ready(api, &created.session_id).await;
    assert_eq!((session.status.as_str(), session.kind.as_str()), ("Ready", "Seat"));
    assert!(session.linked && session.error.flatten().is_none());
    let (user_count, app_version, elapsed): (i64, i64, i64) = (session.user_count, session.app_version, session.elapsed);
    assert!(user_count == 2 && app_version > 0 && elapsed >= 0);
    let digits: String = session.create_time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(digits, "0000-00-00 00:00:00.000000");
    let users = session.session_users.flatten().unwrap();
    let located = users.iter().find(|user| user.ip == "198.51.100.20").unwrap();
    assert_eq!((located.latitude, located.longitude), (Some(Some(LATITUDE)), Some(Some(LONGITUDE))));
    let deployment = session.deployment.flatten().unwrap();
    assert!(deployment.ready && !deployment.whitelisting_active);
    assert_eq!(deployment.tags.flatten().unwrap(), ["ranked"]);
    assert_eq!(deployment.sockets_usage.flatten(), Some(2));
    assert_eq!(deployment.location.flatten().unwrap().country, "Canada");
    let ports = deployment.ports.flatten().unwrap();
    let port = &ports["gameport"];
    let external: i32 = port.external.flatten().unwrap();
    let link = port.link.clone().flatten().unwrap();
    assert_eq!(link, format!("{}:{external}", deployment.fqdn));
    assert_eq!(port.internal.flatten(), Some(7777));

    let id = &created.session_id;
    assert_eq!(sessions_api::get_users_session(api, id).await.unwrap().session_users.len(), 2);
    let payload = models::PatchSessionModel::new(vec!["2001:db8::30".into()]);
    assert_eq!(sessions_api::put_users_session(api, id, payload).await.unwrap().session_users.len(), 3);
    let payload = models::PatchSessionModel::new(vec!["203.0.113.10".into()]);
    let fewer = sessions_api::delete_users_session(api, id, payload).await.unwrap();
    let ips: Vec<String> = fewer.session_users.into_iter().map(|user| user.ip).collect();
    assert_eq!(ips, ["198.51.100.20", "2001:db8::30"]);
    let crowd = models::PatchSessionModel::new((0..20).map(|i| format!("192.0.2.{i}")).collect());
    assert_eq!(refusal(sessions_api::put_users_session(api, id, crowd).await), 422);

    let request = models::SessionModel {
        ip_list: Some(vec!["192.0.2.1".into()]),
        deployment_request_id: Some(deployment.request_id.clone()),
        ..models::SessionModel::new("space-arena".into())
    };
    let second = sessions_api::session_post(api, request).await.unwrap();
    assert_eq!(second.deployment_request_id.flatten().unwrap(), deployment.request_id);
    let host = ready(api, &second.session_id).await.deployment.flatten().unwrap();
    assert_eq!(host.request_id, deployment.request_id);

    let mut seen = HashMap::new();
    for page in [1, 2] {
        let list = sessions_api::list_sessions(api, Some(page), Some(1)).await.unwrap();
        assert_eq!(list.total_count.flatten(), Some(2));
        let pagination = list.pagination.flatten().unwrap();
        assert_eq!(pagination.number.flatten(), Some(page));
        assert_eq!(pagination.paginator.flatten().unwrap().num_pages.flatten(), Some(2));
        assert_eq!(pagination.has_next.flatten(), Some(page == 1));
        assert_eq!(pagination.next_page_number.flatten(), (page == 1).then_some(2));
        for summary in list.data.flatten().unwrap() {
            seen.insert(summary.session_id, summary.webhook_url.flatten());
        }
    }
    assert!(seen.len() == 2 && seen.contains_key(&second.session_id));
    assert_eq!(seen[id].as_deref(), Some(WEBHOOK_URL));

    let deleted = sessions_api::session_delete(api, id).await.unwrap();
    assert!(deleted.session_id == *id && !deleted.message.is_empty());
    assert!([404, 410].contains(&refusal(sessions_api::session_delete(api, id).await)));

    let filter = |field, values| models::SessionBulkStopFiltersPayload::new(field, values, models::FilterType::Any);
    let payload = models::SessionBulkStopPayload::new(vec![
        filter(models::SessionBulkStopField::RequestId, vec![deployment.request_id.clone()]),
        filter(models::SessionBulkStopField::SessionId, vec![second.session_id.clone(), id.clone()]),
    ]);
    let stopped = sessions_api::sessions_bulk_stop(api, payload).await.unwrap();
    let ids: Vec<String> = stopped.processable.into_iter().map(|one| one.session_id).collect();
    assert_eq!(ids, [second.session_id]);

    println!("Rust: players connected to {link}");
}
