//! The HTTP trigger with a real guest, over real connections.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use serde_json::json;
use spin_host::{ComponentCode, Phase, native};
use support::{Server, app, guest, guest_of_a_whole_world, load, module, service};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

type Change = fn(&mut serde_json::Value);
const AS_IT_IS: Change = |_| {};

/// Sends raw bytes and reads until the server closes.
async fn raw(server: &Server, request: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_from_the_guest_with_a_length() {
    let server = Server::start(AS_IT_IS, &[]).await;
    let response = server.get("/").await;
    assert_eq!((response.status().as_u16(), &response.body()[..]), (200, &b"hello"[..]));
    assert_eq!(response.headers()["content-length"], "5");
    assert_eq!(server.answer("/v").await, (200, "hi you".to_owned()));
    assert_eq!(server.stop().await.0, "a line\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_fails_costs_its_own_request_only() {
    let server = Server::start(AS_IT_IS, &[("SPIN_MAX_INSTANCE_MEMORY", "10000000")]).await;
    for path in ["/t", "/n", "/m"] {
        assert_eq!(server.answer(path).await, (500, String::new()), "{path}");
        assert_eq!(server.answer("/").await.0, 200);
    }
    // The head is out when it fails: the client sees a broken body, never a whole one.
    assert!(server.try_get("/b").await.is_err());
    let (_, stderr) = server.stop().await;
    assert!(stderr.contains("component `guest` failed") && stderr.contains("unreachable"), "{stderr}");
    assert!(stderr.contains("it returned without an answer"), "{stderr}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn endless_guests_leave_room_for_others() {
    let server = Server::start(AS_IT_IS, &[]).await;
    let mut stuck = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(b"GET /l HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        stuck.push(stream);
    }
    let others = async {
        for _ in 0..5 {
            assert_eq!(server.answer("/").await.0, 200);
        }
    };
    tokio::time::timeout(Duration::from_secs(20), others).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_and_static_answers() {
    let change: Change = |app| {
        app["triggers"] = json!([
            {"id": "a", "trigger_type": "http", "trigger_config": {"component": "guest", "route": "/here/..."}},
            {"id": "b", "trigger_type": "http", "trigger_config": {
                "route": "/moved", "static_response": {"status_code": 301, "headers": {"location": "/here"}}}},
        ]);
    };
    let server = Server::start(change, &[]).await;
    assert_eq!(server.answer("/here/x").await, (200, "hello".to_owned()));
    assert_eq!(server.answer("/nowhere").await, (404, String::new()));
    let moved = server.get("/moved").await;
    assert_eq!((moved.status().as_u16(), &moved.headers()["location"]), (301, &"/here".try_into().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn private_components_have_no_route() {
    let change: Change = |app| app["triggers"][0]["trigger_config"]["route"] = json!({"private": true});
    let server = Server::start(change, &[]).await;
    assert_eq!(server.answer("/").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn well_known_paths_need_no_host_and_others_do() {
    let server = Server::start(AS_IT_IS, &[]).await;
    let health = raw(&server, "GET /.well-known/spin/health HTTP/1.0\r\n\r\n").await;
    assert!(health.starts_with("HTTP/1.0 200 OK") && health.ends_with("\r\n\r\nOK"), "{health}");
    let info = server.answer("/.well-known/spin/info").await;
    assert_eq!(info, (200, "{\n  \"name\": \"test\"\n}".to_owned()));
    assert_eq!(server.answer("/.well-known/spin/other").await, (404, String::new()));
    let refused = raw(&server, "GET / HTTP/1.1\r\nconnection: close\r\n\r\n").await;
    assert!(refused.starts_with("HTTP/1.1 400"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lame_duck_answers_and_sends_clients_away() {
    let server = Server::start(AS_IT_IS, &[]).await;
    assert!(!server.get("/").await.headers().contains_key("connection"));
    server.phase.send(Phase::LameDuck).unwrap();
    // The phase arrives on its own time; until then connections are kept.
    while !server.get("/").await.headers().contains_key("connection") {}
    let closed = raw(&server, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(closed.contains("connection: close\r\n") && closed.ends_with("hello"), "{closed}");
    let address = server.address;
    server.stop().await;
    TcpStream::connect(address).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn draining_finishes_what_is_in_flight() {
    let server = Server::start(AS_IT_IS, &[]).await;
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nho").await.unwrap();
    // An answered request proves that the connection before it was accepted.
    server.get("/").await;
    server.phase.send(Phase::Draining).unwrap();
    slow.write_all(b"st: a\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("hello"), "{answer}");
    server.served.await.unwrap();
}

#[tokio::test]
async fn apps_that_cant_run_say_why() {
    async fn error(change: Change, wasm: Vec<u8>) -> String {
        load(app(change), wasm, &[]).await.err().unwrap().to_string()
    }
    insta::assert_snapshot!(error(|app| app["triggers"][0]["trigger_type"] = json!("cron"), guest()).await, @"trigger `t` is of type `cron`, which this host can't run (it runs: http); remove the trigger");
    insta::assert_snapshot!(error(|app| app["triggers"] = json!([]), guest()).await, @"the app has no trigger, so nothing would ever run; add a [[trigger.http]] to spin.toml");
    insta::assert_snapshot!(error(|app| app["variables"]["password"] = json!({}), guest()).await, @"variable `password` is required and has no value; set the environment variable SPIN_VARIABLE_PASSWORD (a SpinApp's spec.variables, or --variable password=... when deploying), or give it a default in spin.toml");
    insta::assert_snapshot!(error(|app| app["components"][0]["metadata"] = json!({"key_value_stores": ["cache"]}), guest()).await, @"component `guest`: it uses the key-value store `cache`, which the runtime configuration doesn't define; add [key_value_store.cache] to it");
    insta::assert_snapshot!(error(|app| app["components"][0]["metadata"] = json!({"allowed_outbound_hosts": ["x"]}), guest()).await, @"component `guest`: `x` in allowed_outbound_hosts has no scheme; write scheme://host:port, e.g. https://example.com or redis://10.0.0.0/8:6379");
    let foreign = r#"(module
        (import "acme:db/sql@1.0.0" "query" (func (param i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
        (func (export "wasi:http/incoming-handler@0.2.0#handle") (param i32 i32)))"#;
    insta::assert_snapshot!(error(AS_IT_IS, module("foreign", foreign)).await, @"component `guest` can't be linked: it imports `acme:db/sql@1.0.0`, which this host doesn't offer; build it for a Spin or WASI world that has no such import, or compose the component that provides it");
    insta::assert_snapshot!(error(AS_IT_IS, module("not-http", r#"(module (func (export "run")))"#)).await, @"component `guest` can't answer HTTP: it exports no HTTP handler (it exports: run); build it for wasi:http/incoming-handler@0.2 or wasi:http/handler@0.3");
    insta::assert_snapshot!(error(AS_IT_IS, native::compile(&guest()).unwrap()).await, @"component `guest` can't be loaded: it is native code, not WebAssembly, and code is only trusted when this program compiled it; build and push the app's .wasm file");
}

#[tokio::test(flavor = "multi_thread")]
async fn known_interfaces_that_are_not_called_do_not_matter() {
    let code = ComponentCode::Wasm(guest_of_a_whole_world());
    let server = Server::start_with(app(AS_IT_IS), code, &[]).await;
    assert_eq!(server.answer("/").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_of_wasi_0_3_answers_and_streams_its_body() {
    let server = Server::start_with(app(AS_IT_IS), ComponentCode::Wasm(service()), &[]).await;
    for _ in 0..3 {
        assert_eq!(server.answer("/").await, (200, "hello, 0.3".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_waits_for_instances() {
    let server = Server::start(AS_IT_IS, &[("SPIN_MAX_INSTANCE_COUNT", "2")]).await;
    let answers = futures::future::join_all((0..50).map(|_| server.answer("/"))).await;
    assert!(answers.iter().all(|(status, _)| *status == 200));
}
