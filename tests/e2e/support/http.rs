//! A small HTTP client: one request a connection, bounded in time.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use super::eventually;

const LIMIT: Duration = Duration::from_secs(10);

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// GET, whatever comes of it.
pub(crate) fn get(url: &str) -> io::Result<Answer> {
    request("GET", url, "", &[])
}

/// GET of something that must answer 200; returns the body.
#[track_caller]
pub(crate) fn body_of(url: &str) -> String {
    let answer = get(url).unwrap_or_else(|error| panic!("{url}: {error}"));
    assert_eq!(answer.status, 200, "{url}: {answer:?}");
    answer.body
}

/// Waits until a URL answers 200.
#[track_caller]
pub(crate) fn answers(url: &str) {
    eventually(&format!("{url} answers"), Duration::from_mins(1), || {
        get(url).ok().filter(|answer| answer.status == 200)
    });
}

/// One request. HTTP/1.0 keeps the answer whole and ends the connection with it.
pub(crate) fn request(method: &str, url: &str, content_type: &str, content: &[u8]) -> io::Result<Answer> {
    let rest = url.strip_prefix("http://").ok_or(io::ErrorKind::InvalidInput)?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = if path.is_empty() { "/" } else { path };
    let port = host.rsplit(':').next().and_then(|port| port.parse().ok()).ok_or(io::ErrorKind::InvalidInput)?;
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    let length = content.len();
    let head = format!("{method} {path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: {length}\r\n");
    let typed = if content_type.is_empty() { String::new() } else { format!("Content-Type: {content_type}\r\n") };
    stream.write_all(&[head.as_bytes(), typed.as_bytes(), b"\r\n", content].concat())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    Ok(Answer { status, head: head.into(), body: body.into() })
}
