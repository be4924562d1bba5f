//! A registry in this process: enough of the distribution API for one client. Repositories under `secret/` need a login.
//!
//! Actors: one task accepts; one task a connection. All share the state behind a lock that is never held over an await.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::artifact::digest_of;

#[derive(Default)]
struct State {
    blobs: HashMap<String, Vec<u8>>,
    /// By `name:reference`.
    manifests: HashMap<String, Vec<u8>>,
}

pub(super) struct FakeRegistry {
    pub(super) address: String,
    state: Arc<Mutex<State>>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Drop for FakeRegistry {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl FakeRegistry {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { address, state, accepting }
    }

    pub(super) fn put_manifest(&self, name: &str, manifest: &str) {
        self.state.lock().unwrap().manifests.insert(name.to_owned(), manifest.into());
    }

    pub(super) fn replace_blob(&self, digest: &str, bytes: Vec<u8>) {
        self.state.lock().unwrap().blobs.insert(digest.to_owned(), bytes);
    }
}

struct Answer {
    status: &'static str,
    headers: String,
    body: Vec<u8>,
}

fn answer(status: &'static str, headers: String, body: impl Into<Vec<u8>>) -> Answer {
    Answer { status, headers, body: body.into() }
}

fn error(status: &'static str, code: &str) -> Answer {
    answer(status, String::new(), format!(r#"{{"errors":[{{"code":"{code}","message":"said {code}"}}]}}"#))
}

/// Answers requests until the peer closes.
async fn serve(stream: TcpStream, state: Arc<Mutex<State>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok().filter(|n| *n > 0)?;
        let (method, path) =
            line.split_once(' ').map(|(m, rest)| (m.to_owned(), rest.split(' ').next().unwrap().to_owned()))?;
        let mut length = 0;
        loop {
            let mut header = String::new();
            stream.read_line(&mut header).await.ok()?;
            match header.trim_end().to_lowercase().split_once(':') {
                None => break,
                Some(("content-length", value)) => length = value.trim().parse().unwrap(),
                Some(_) => {}
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        let Answer { status, headers, body } = respond(&method, &path, body, &mut state.lock().unwrap());
        let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await.ok()?;
        if method != "HEAD" {
            stream.write_all(&body).await.ok()?;
        }
    }
}

fn respond(method: &str, path: &str, body: Vec<u8>, state: &mut State) -> Answer {
    let path = path.strip_prefix("/v2/").unwrap_or_default();
    if path.starts_with("secret/") {
        return error("401 Unauthorized", "UNAUTHORIZED");
    }
    if let Some((name, reference)) = path.split_once("/manifests/") {
        let key = format!("{name}:{reference}");
        if method == "PUT" {
            let location = format!("location: /v2/{name}/manifests/{}\r\n", digest_of(&body));
            state.manifests.insert(key, body);
            return answer("201 Created", location, "");
        }
        return match state.manifests.get(&key) {
            Some(manifest) => {
                let headers = format!(
                    "content-type: application/vnd.oci.image.manifest.v1+json\r\ndocker-content-digest: {}\r\n",
                    digest_of(manifest)
                );
                answer("200 OK", headers, manifest.clone())
            }
            None => error("404 Not Found", "MANIFEST_UNKNOWN"),
        };
    }
    if let Some((_, rest)) = path.split_once("/blobs/uploads/") {
        if method == "POST" {
            return answer("202 Accepted", format!("location: /v2/{path}id?state=1\r\n"), "");
        }
        let digest = rest.split_once("digest=").unwrap().1.replace("%3A", ":");
        if digest_of(&body) != digest {
            return error("400 Bad Request", "DIGEST_INVALID");
        }
        state.blobs.insert(digest.clone(), body);
        return answer("201 Created", format!("location: /v2/x/blobs/{digest}\r\n"), "");
    }
    match path.split_once("/blobs/").and_then(|(_, digest)| state.blobs.get(digest)) {
        Some(blob) => answer("200 OK", String::new(), blob.clone()),
        None => error("404 Not Found", "BLOB_UNKNOWN"),
    }
}
