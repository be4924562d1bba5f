//! Whether an app answers on a port of this machine.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

/// A path that every Spin host answers by itself.
const HEALTH: &str = "/.well-known/spin/health";
/// How long one attempt may take. It may be led to a pod that is gone, where nothing says no.
const ATTEMPT: Duration = Duration::from_secs(1);
/// Between attempts: kube-proxy tells nobody when it has written its rules.
const PAUSE: Duration = Duration::from_millis(25);
/// Bytes of an answer's first line.
const STATUS_LINE: u64 = 256;

/// Asks until the app answers with 200. On time-out: what the last attempt got.
pub(crate) async fn wait_for(port: u16, limit: Duration) -> Result<(), String> {
    let deadline = Instant::now() + limit;
    loop {
        let last = match timeout(ATTEMPT, ask(port)).await {
            Ok(Ok(line)) if line.split_whitespace().nth(1) == Some("200") => return Ok(()),
            Ok(Ok(line)) if line.is_empty() => "the connection was closed without an answer".to_owned(),
            Ok(Ok(line)) => format!("it answered {line}"),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", ATTEMPT.as_secs()),
        };
        if Instant::now() + PAUSE >= deadline {
            return Err(last);
        }
        sleep(PAUSE).await;
    }
}

/// One request; returns the first line of the answer.
async fn ask(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!("GET {HEALTH} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(STATUS_LINE).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::{net::TcpListener, task::JoinSet};

    use super::*;

    /// Gives each connection the next of the answers, the last one for ever.
    async fn server(answers: &'static [&'static str]) -> (JoinSet<()>, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            for answer in answers.iter().chain(std::iter::repeat(answers.last().unwrap())) {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 1024];
                let read = stream.read(&mut request).await.unwrap();
                assert!(request[..read].starts_with(b"GET /.well-known/spin/health HTTP/1.1\r\n"));
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        (tasks, port)
    }

    #[tokio::test]
    async fn it_asks_until_it_is_answered() {
        let (_tasks, port) = server(&["", "HTTP/1.1 503 No\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nOK"]).await;
        assert_eq!(wait_for(port, Duration::from_secs(30)).await, Ok(()));
    }

    #[tokio::test]
    async fn the_last_answer_is_told() {
        let (_tasks, port) = server(&["HTTP/1.1 404 Not Found\r\n\r\n"]).await;
        let error = wait_for(port, Duration::from_millis(100)).await.unwrap_err();
        assert_eq!(error, "it answered HTTP/1.1 404 Not Found");
    }
}
