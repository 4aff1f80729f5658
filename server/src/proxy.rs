//! Who is at the other end when proxies stand in between.

use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;
use simone_app::ClientAddress;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Tells the pages where a request comes from.
pub(crate) async fn client_address(
    State(trusted): State<Arc<[IpAddr]>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let address = originator(peer.ip().to_canonical(), request.headers(), &trusted);
    request.extensions_mut().insert(ClientAddress(address));
    next.run(request).await
}

/// The nearest address that is not a trusted proxy's: what stands further left in `X-Forwarded-For` was written by
/// whoever sent the request.
fn originator(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let forwarded: Vec<&str> =
        headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
    let mut nearest = peer;
    for hop in forwarded.iter().rev().flat_map(|value| value.rsplit(',')) {
        if !trusted.contains(&nearest) {
            break;
        }
        let Ok(hop) = hop.trim().parse::<IpAddr>() else { break };
        nearest = hop.to_canonical();
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let trusted: Vec<IpAddr> = trusted.iter().map(|address| address.parse().unwrap()).collect();
        originator(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let proxy = "10.0.0.1";
        assert_eq!(from("192.0.2.1", &["198.51.100.1"], &[]), "192.0.2.1");
        assert_eq!(from("192.0.2.1", &["198.51.100.1"], &[proxy]), "192.0.2.1");
        assert_eq!(from(proxy, &["198.51.100.1"], &[proxy]), "198.51.100.1");
        assert_eq!(
            from(proxy, &["203.0.113.9, 198.51.100.1"], &[proxy]),
            "198.51.100.1",
            "made up by the client"
        );
        assert_eq!(from(proxy, &["203.0.113.9", "198.51.100.1"], &[proxy]), "198.51.100.1");
        assert_eq!(from(proxy, &["198.51.100.1, 10.0.0.2"], &[proxy, "10.0.0.2"]), "198.51.100.1");
        assert_eq!(from(proxy, &["2001:db8::1"], &[proxy]), "2001:db8::1");
        assert_eq!(from(proxy, &["unknown"], &[proxy]), proxy);
        assert_eq!(from(proxy, &[], &[proxy]), proxy);
    }
}
