// Makes the eight calls with ureq. The HTML page shows what stands between the markers.
// setup
use serde_json::{json, Value};
use std::{env, error::Error, thread, time::{Duration, Instant}};

// ureq = { version = "3", features = ["json"] }
fn call(method: &str, path: &str, body: Option<Value>) -> Result<Value, Box<dyn Error>> {
    let base = env::var("EDGEGAP_BASE_URL").unwrap_or("https://api.edgegap.com".into());
    let request = ureq::http::Request::builder()
        .method(method)
        .uri(base + path)
        .header("authorization", format!("token {}", env::var("EDGEGAP_API_KEY")?))
        .header("content-type", "application/json");
    let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(30)));
    let agent = config.build().new_agent();
    let response = match body {
        Some(body) => agent.run(request.body(body.to_string())?),
        None => agent.run(request.body(())?),
    };
    Ok(response?.body_mut().read_json()?)
}
// end

fn main() -> Result<(), Box<dyn Error>> {
    // session-post
    let created = call("POST", "/v1/session", Some(json!({
        "app_name": "space-arena",
        "version_name": "1.4.2",
        "ip_list": ["203.0.113.10", "198.51.100.20"],
        "webhook_url": "https://matchmaker.example.com/edgegap?match=m-1042",
    })))?;
    let session_id = created["session_id"].as_str().ok_or("no session_id")?;
    // end

    // get-session
    let deadline = Instant::now() + Duration::from_secs(60);
    let session = loop {
        let session = call("GET", &format!("/v1/session/{session_id}"), None)?;
        match session["status"].as_str() {
            _ if session["ready"] == true => break session,
            Some("Error" | "Unprocessable" | "Terminating") => return Err(session["error"].to_string().into()),
            _ if Instant::now() > deadline => return Err("not ready after 60 s".into()),
            _ => thread::sleep(Duration::from_secs(1)),
        }
    };
    let address = session["deployment"]["ports"]["gameport"]["link"].as_str().ok_or("no address")?;
    println!("players connect to {address}");
    // end

    // put-users-session
    let users = call("PUT", &format!("/v1/session/{session_id}/users"), Some(json!({"ip_list": ["2001:db8::30"]})))?;
    println!("{}", users["session_users"]);
    // end

    // delete-users-session
    let users = call("DELETE", &format!("/v1/session/{session_id}/users"), Some(json!({"ip_list": ["2001:db8::30"]})))?;
    println!("{}", users["session_users"]);
    // end

    // get-users-session
    let users = call("GET", &format!("/v1/session/{session_id}/users"), None)?;
    println!("{}", users["session_users"]);
    // end

    // list-sessions
    let mut page = 1;
    while page > 0 {
        let list = call("GET", &format!("/v1/sessions?page={page}&limit=100"), None)?;
        for item in list["data"].as_array().into_iter().flatten() {
            println!("{} {}", item["session_id"], item["status"]);
        }
        let next = list["pagination"]["next_page_number"].as_i64().unwrap_or(0);
        page = if next > page { next } else { 0 };
    }
    // end

    // session-delete
    let deleted = call("DELETE", &format!("/v1/session/{session_id}"), None)?;
    println!("{}", deleted["message"]);
    // end

    // sessions-bulk-stop
    let stopped = call("POST", "/v1/sessions/bulk-stop", Some(json!({
        "filters": [{"field": "session_id", "values": ["950dd2eaff09-S", "0c61b7d94e2a-S"], "filter_type": "any"}],
    })))?;
    println!("{}", stopped["processable"]);
    // end
    Ok(())
}
