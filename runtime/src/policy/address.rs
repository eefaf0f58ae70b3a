//! The client's address, and the text under which its requests are counted.

use std::net::{IpAddr, Ipv6Addr};

use http::HeaderMap;

/// The client's address: the peer's, unless the peer is a trusted proxy; then the right-most
/// address of `X-Forwarded-For` that is not one.
pub fn client(peer: IpAddr, headers: &HeaderMap, trusted: impl Fn(IpAddr) -> bool) -> IpAddr {
    let mut client = peer.to_canonical();
    if !trusted(client) {
        return client;
    }
    let lines: Vec<&str> =
        headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok()).collect();
    for text in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        // What cannot be read cannot be trusted: the proxy that wrote it is the client then.
        let Ok(address) = text.trim().parse::<IpAddr>() else { return client };
        client = address.to_canonical();
        if !trusted(client) {
            return client;
        }
    }
    client
}

/// The text under which a client is counted. An IPv6 host has a whole /64 to itself.
pub fn key(client: IpAddr) -> String {
    match client {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            Ipv6Addr::from(network).to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn forwarded(lines: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", http::HeaderValue::from_static(line));
        }
        headers
    }

    #[test]
    fn an_untrusted_peer_cannot_choose_its_address() {
        let headers = forwarded(&["1.2.3.4"]);
        assert_eq!(client(address("5.6.7.8"), &headers, |_| false), address("5.6.7.8"));
    }

    #[test]
    fn behind_trusted_proxies_the_last_untrusted_address_counts() {
        let trusted = |address: IpAddr| address.to_string().starts_with("10.");
        let peer = address("10.0.0.1");
        let headers = forwarded(&["9.9.9.9, 1.2.3.4", "10.0.0.2"]);
        assert_eq!(client(peer, &headers, trusted), address("1.2.3.4"));
        assert_eq!(client(peer, &forwarded(&["junk"]), trusted), peer);
        assert_eq!(client(peer, &HeaderMap::new(), trusted), peer);
    }

    #[test]
    fn one_ipv6_network_is_one_client() {
        assert_eq!(key(address("2001:db8::1")), key(address("2001:db8::ffff:1")));
        assert_ne!(key(address("2001:db8::1")), key(address("2001:db8:0:1::1")));
    }
}
