//! The accept loop.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};

/// How long a target may take to accept.
const CONNECT: Duration = Duration::from_secs(10);

/// Accepts for ever, with at most `limit` connections at once. Dropping the future closes all of them.
pub(crate) async fn serve(listener: TcpListener, target: Arc<str>, limit: usize) {
    let slots = Arc::new(Semaphore::new(limit));
    let mut connections = JoinSet::new();
    // The semaphore is never closed.
    while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((client, _)) => {
                let target = Arc::clone(&target);
                connections.spawn(async move {
                    // Either side may break off whenever it likes: that is no news.
                    drop(forward(client, &target).await);
                    drop(slot);
                });
            }
            // Out of descriptors, or the client was gone already: wait a little for some to be freed.
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn forward(mut client: TcpStream, target: &str) -> io::Result<()> {
    let mut server = timeout(CONNECT, TcpStream::connect(target)).await??;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// A forwarder in front of a server that answers each connection's bytes in upper case, at its end.
    async fn shouting(limit: usize) -> (JoinSet<()>, std::net::SocketAddr) {
        let mut tasks = JoinSet::new();
        let (server, front) =
            (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let (target, address) = (server.local_addr().unwrap(), front.local_addr().unwrap());
        tasks.spawn(async move {
            loop {
                let (mut stream, _) = server.accept().await.unwrap();
                tokio::spawn(async move {
                    let mut text = String::new();
                    stream.read_to_string(&mut text).await.unwrap();
                    stream.write_all(text.to_uppercase().as_bytes()).await.unwrap();
                });
            }
        });
        tasks.spawn(serve(front, target.to_string().into(), limit));
        (tasks, address)
    }

    async fn say(stream: &mut TcpStream, text: &str) -> String {
        stream.write_all(text.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn bytes_go_both_ways_and_half_closed_streams_stay_open() {
        let (_tasks, address) = shouting(8).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        assert_eq!(say(&mut stream, "hello").await, "HELLO");
    }

    #[tokio::test]
    async fn a_client_over_the_limit_waits_for_a_free_slot() {
        let (_tasks, address) = shouting(1).await;
        let mut first = TcpStream::connect(address).await.unwrap();
        first.write_all(b"a").await.unwrap();
        let mut second = TcpStream::connect(address).await.unwrap();
        second.write_all(b"b").await.unwrap();
        second.shutdown().await.unwrap();
        let mut answer = String::new();
        // The second is not served before the first has ended.
        assert!(timeout(Duration::from_millis(200), second.read_to_string(&mut answer)).await.is_err());
        assert_eq!(say(&mut first, "a").await, "AA");
        second.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "B");
    }

    #[tokio::test]
    async fn a_target_that_refuses_closes_the_client() {
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = front.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(front, gone.to_string().into(), 8));
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut rest = Vec::new();
        // End of file or a reset: either way it is over at once.
        drop(timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await.unwrap());
        assert!(rest.is_empty());
    }
}
