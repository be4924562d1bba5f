//! TCP and UDP from guests.

use std::net::SocketAddr;
use std::sync::Arc;

use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::sockets::SocketAddrUse;

use super::AllowedHosts;

/// Lets a guest connect where its `tcp://` and `udp://` entries say. Without such an entry every address
/// stays denied. Names are never looked up: entries for sockets are addresses and ranges.
pub(crate) fn allow_sockets(wasi: &mut WasiCtxBuilder, allowed: &Arc<AllowedHosts>) {
    if !allowed.mentions("tcp") && !allowed.mentions("udp") {
        return;
    }
    let allowed = Arc::clone(allowed);
    wasi.socket_addr_check(move |address, purpose| {
        let permitted = permits(&allowed, address, purpose);
        Box::pin(std::future::ready(permitted))
    });
}

fn permits(allowed: &AllowedHosts, address: SocketAddr, purpose: SocketAddrUse) -> bool {
    // Sockets are bound, by the guest or implicitly, before they connect or send; any free local port
    // says nothing about the peer.
    let any_local = address.ip().is_unspecified() && address.port() == 0;
    match purpose {
        SocketAddrUse::TcpBind => any_local && allowed.mentions("tcp"),
        // A pod's ports belong to its triggers.
        SocketAddrUse::TcpListen | SocketAddrUse::TcpAccept => false,
        SocketAddrUse::TcpConnect => allowed.allows_socket("tcp", address),
        SocketAddrUse::UdpBind => any_local && allowed.mentions("udp"),
        SocketAddrUse::UdpSend | SocketAddrUse::UdpReceive => allowed.allows_socket("udp", address),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn listening_is_refused_and_connections_follow_the_list() {
        let allowed = AllowedHosts::parse(["tcp://127.0.0.1:5", "udp://1.1.1.1:53"]).unwrap();
        let check = |address: &str, purpose| permits(&allowed, address.parse().unwrap(), purpose);
        assert!(check("127.0.0.1:5", SocketAddrUse::TcpConnect));
        assert!(!check("127.0.0.1:6", SocketAddrUse::TcpConnect));
        assert!(check("0.0.0.0:0", SocketAddrUse::TcpBind));
        assert!(!check("0.0.0.0:80", SocketAddrUse::TcpBind));
        assert!(!check("127.0.0.1:5", SocketAddrUse::TcpListen));
        assert!(!check("127.0.0.1:5", SocketAddrUse::TcpAccept));
        assert!(check("[::]:0", SocketAddrUse::UdpBind));
        assert!(!check("0.0.0.0:9", SocketAddrUse::UdpBind));
        assert!(check("1.1.1.1:53", SocketAddrUse::UdpSend));
        assert!(!check("127.0.0.1:5", SocketAddrUse::UdpReceive));
    }
}
