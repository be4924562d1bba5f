//! Guests and servers for the tests.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub)] // each test file uses a part

use std::collections::HashMap;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use spin_app::locked::LockedApp;
use spin_host::{ComponentCode, Host, LoadError, Phase, Settings, native};
use tokio::sync::watch;
use tokio::task::JoinHandle;

const WIT: &str = include_str!("guest.wit");
const GUEST: &str = include_str!("guest.wat");
const SERVICE: &str = include_str!("service.wat");

/// A core module as an SDK for wasm32-wasip1 makes it: code and the description of its world.
pub fn module(world: &str, wat: &str) -> Vec<u8> {
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve.push_str("guest.wit", WIT).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    let mut module = wat::parse_str(wat).unwrap();
    wit_component::embed_component_metadata(&mut module, &resolve, world, wit_component::StringEncoding::UTF8).unwrap();
    module
}

/// The guest of `guest.wat`.
pub fn guest() -> Vec<u8> {
    module("guest", GUEST)
}

/// The guest of `service.wat`.
pub fn service() -> Vec<u8> {
    module("service", SERVICE)
}

/// The guest of `guest.wat`, importing an interface that is known by name only.
pub fn guest_of_a_whole_world() -> Vec<u8> {
    let import = r#"(module (import "fermyon:spin/llm@2.0.0" "infer" (func $infer (param i32 i32) (result i32)))"#;
    module("whole", &GUEST.replacen("(module", import, 1))
}

/// An app with one component `guest` on `/...`, changed by `change`.
pub fn app(change: impl FnOnce(&mut Value)) -> LockedApp {
    let mut app = json!({
        "spin_lock_version": 0,
        "metadata": {"name": "test"},
        "variables": {"who": {}},
        "triggers": [{"id": "t", "trigger_type": "http", "trigger_config": {"component": "guest", "route": "/..."}}],
        "components": [{
            "id": "guest",
            "source": {"content_type": "application/wasm"},
            "config": {"greeting": "hi {{ who }}"},
        }],
    });
    change(&mut app);
    LockedApp::from_json(app.to_string().as_bytes()).unwrap()
}

/// Collects what guests print.
#[derive(Clone, Default)]
pub struct Printed(Arc<Mutex<Vec<u8>>>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Printed {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// A host that serves.
pub struct Server {
    pub address: SocketAddr,
    pub stdout: Printed,
    pub stderr: Printed,
    pub phase: watch::Sender<Phase>,
    pub served: JoinHandle<()>,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// Loads an app with the environment of a container.
pub async fn load(app: LockedApp, wasm: Vec<u8>, environment: &[(&str, &str)]) -> Result<Host, LoadError> {
    load_with(app, ComponentCode::Wasm(wasm), environment, Settings::default()).await
}

pub async fn load_with(
    app: LockedApp,
    code: ComponentCode,
    environment: &[(&str, &str)],
    settings: Settings,
) -> Result<Host, LoadError> {
    let mut all: HashMap<String, String> =
        environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    all.entry("SPIN_VARIABLE_WHO".to_owned()).or_insert_with(|| "you".to_owned());
    let settings = Settings { listen: "127.0.0.1:0".to_owned(), environment: all, ..settings };
    Host::load(app, [("guest".to_owned(), code)], settings).await
}

impl Server {
    /// Serves the test guest from native code, as a pod does.
    pub async fn start(change: impl FnOnce(&mut Value), environment: &[(&str, &str)]) -> Self {
        let code = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(code.path(), native::compile(&guest()).unwrap()).unwrap();
        let code = ComponentCode::Native(native::NativeCode::made_by_us(code.path()));
        Self::start_with(app(change), code, environment).await
    }

    pub async fn start_with(app: LockedApp, code: ComponentCode, environment: &[(&str, &str)]) -> Self {
        let (stdout, stderr) = (Printed::default(), Printed::default());
        let settings =
            Settings { stdout: Box::new(stdout.clone()), stderr: Box::new(stderr.clone()), ..Settings::default() };
        let host = load_with(app, code, environment, settings).await.unwrap();
        let bound = host.bind().await.unwrap();
        let address = bound.local_addr();
        let (phase, phases) = watch::channel(Phase::Serving);
        let served = tokio::spawn(bound.serve(phases));
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { address, stdout, stderr, phase, served, client }
    }

    pub async fn get(&self, path: &str) -> Response<Bytes> {
        self.try_get(path).await.unwrap()
    }

    pub async fn try_get(&self, path: &str) -> Result<Response<Bytes>, Box<dyn std::error::Error + Send + Sync>> {
        let uri = format!("http://{}{path}", self.address);
        let (head, body) = self.client.request(Request::get(uri).body(Full::default())?).await?.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }

    /// Status and body.
    pub async fn answer(&self, path: &str) -> (u16, String) {
        let response = self.get(path).await;
        (response.status().as_u16(), String::from_utf8(response.into_body().to_vec()).unwrap())
    }

    /// Drains, and gives what guests printed.
    pub async fn stop(self) -> (String, String) {
        drop(self.client);
        self.phase.send(Phase::Draining).unwrap();
        self.served.await.unwrap();
        (self.stdout.text(), self.stderr.text())
    }
}
