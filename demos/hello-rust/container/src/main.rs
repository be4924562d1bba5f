//! The container twin of hello-rust: the same answers from a native HTTP/1.1 server.
//!
//! Actors: the main thread accepts; one thread a connection answers until the peer closes; one thread waits for SIGTERM,
//! which a process with the number 1 would otherwise ignore, and ends the process.

use std::{
    env,
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

/// Longest request head that is read, in bytes.
const MAX_HEAD: u64 = 64 << 10;

fn main() -> io::Result<()> {
    let address = env::var("LISTEN_ADDR").unwrap_or_else(|_| "0.0.0.0:80".to_owned());
    let listener = TcpListener::bind(&address)?;
    let mut signals = signal_hook::iterator::Signals::new([signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT])?;
    thread::spawn(move || {
        signals.forever().next();
        std::process::exit(0);
    });
    for connection in listener.incoming() {
        let connection = connection?;
        thread::spawn(move || serve(&connection).ok());
    }
    Ok(())
}

fn serve(connection: &TcpStream) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut reader = BufReader::new(connection);
    loop {
        let Some(request) = Request::read(&mut reader)? else { return Ok(()) };
        let (status, text) = answer(&request.method, &request.path);
        let close = if request.close { "connection: close\r\n" } else { "" };
        let body = if request.method == "HEAD" { "" } else { &text };
        let length = text.len();
        let response = format!(
            "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\n{close}content-length: {length}\r\n\r\n{body}"
        );
        (&mut &*connection).write_all(response.as_bytes())?;
        if request.close {
            return Ok(());
        }
    }
}

fn answer(method: &str, path: &str) -> (&'static str, String) {
    match path {
        "/" => ("200 OK", format!("Hello, {}!\n", env::var("GREETEE").unwrap_or_else(|_| "world".to_owned()))),
        "/log" => {
            println!("hello-rust: {method} {path}");
            ("200 OK", "One line logged.\n".to_owned())
        }
        _ => match path.strip_prefix("/hello/") {
            Some(name) => ("200 OK", format!("Hello, {name}!\n")),
            None => ("404 Not Found", format!("Nothing at {path}. Try /, /hello/NAME or /log.\n")),
        },
    }
}

struct Request {
    method: String,
    path: String,
    close: bool,
}

impl Request {
    /// The next request of a connection, its body skipped; `None` at the end.
    fn read(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<Self>> {
        let mut head = reader.by_ref().take(MAX_HEAD);
        let mut line = String::new();
        if head.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split_whitespace();
        let (Some(method), Some(target), Some(version)) = (words.next(), words.next(), words.next()) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let path = target.split('?').next().unwrap_or_default().to_owned();
        let mut request = Self { method: method.to_owned(), path, close: version == "HTTP/1.0" };
        let mut length = 0;
        loop {
            let mut header = String::new();
            if head.read_line(&mut header)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let header = header.trim_end().to_ascii_lowercase();
            match header.split_once(':') {
                None if header.is_empty() => break,
                Some(("content-length", value)) => length = value.trim().parse().map_err(io::Error::other)?,
                Some(("connection", value)) => request.close = value.trim() == "close",
                _ => {}
            }
        }
        io::copy(&mut reader.by_ref().take(length), &mut io::sink())?;
        Ok(Some(request))
    }
}
