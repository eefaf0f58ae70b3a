//! The client's address, and the text under which its requests are counted.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::HeaderMap;

use crate::definition::{Forwarding, Http};

/// The client's address: the peer's, unless the peer is a trusted proxy; then what the outermost of
/// the declared number of proxies wrote. What is missing or cannot be read ends the search: who
/// should have written it is the client then.
pub fn client(peer: IpAddr, headers: &HeaderMap, http: Http, trusts_peer: bool) -> IpAddr {
    let mut client = peer.to_canonical();
    if !trusts_peer {
        return client;
    }
    let hops = usize::from(http.trusted_hops);
    let entries: &mut dyn Iterator<Item = Option<IpAddr>> = match http.forwarding {
        Forwarding::XForwardedFor => &mut latest_first(headers, "x-forwarded-for").map(address),
        Forwarding::Forwarded => &mut latest_first(headers, "forwarded").map(forwarded_for),
    };
    for entry in entries.take(hops) {
        let Some(address) = entry else { return client };
        client = address.to_canonical();
    }
    client
}

/// The entries of a list that may stand in several header lines, the latest first.
pub(super) fn latest_first<'a>(
    headers: &'a HeaderMap,
    name: &'static str,
) -> impl Iterator<Item = &'a str> {
    let lines: Vec<&str> =
        headers.get_all(name).iter().map(|line| line.to_str().unwrap_or_default()).collect();
    lines.into_iter().rev().flat_map(|line| line.rsplit(',')).map(str::trim)
}

/// An address, with a port or without.
fn address(text: &str) -> Option<IpAddr> {
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    text.parse().ok().or_else(with_port).or_else(bare)
}

/// The `for` parameter of an element of `Forwarded` (RFC 7239, section 4); exactly one counts.
///
/// A comma inside a quoted text cuts the element in two, of which neither can be read: no address
/// has one.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut nodes = element.split(';').filter_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        name.eq_ignore_ascii_case("for").then_some(value)
    });
    let (node, None) = (nodes.next()?, nodes.next()) else { return None };
    match node.strip_prefix('"') {
        Some(quoted) => address(quoted.strip_suffix('"')?),
        // Without quotes there are no colons, and so neither ports nor IPv6.
        None => node.parse::<std::net::Ipv4Addr>().ok().map(IpAddr::from),
    }
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

    const PEER: &str = "10.0.0.1";

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn lines(name: &'static str, lines: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name, http::HeaderValue::from_static(line));
        }
        headers
    }

    /// Who calls from a trusted peer with these lines and so many declared proxies.
    fn behind(hops: u8, given: &[&'static str]) -> String {
        let http = Http { trusted_hops: hops, forwarding: Forwarding::XForwardedFor };
        client(ip(PEER), &lines("x-forwarded-for", given), http, true).to_string()
    }

    fn in_forwarded(hops: u8, given: &[&'static str]) -> String {
        let http = Http { trusted_hops: hops, forwarding: Forwarding::Forwarded };
        client(ip(PEER), &lines("forwarded", given), http, true).to_string()
    }

    #[test]
    fn an_untrusted_peer_cannot_choose_its_address() {
        for hops in [0, 1, 2, 255] {
            let http = Http { trusted_hops: hops, forwarding: Forwarding::XForwardedFor };
            let headers = lines("x-forwarded-for", &["1.2.3.4, 4.3.2.1"]);
            assert_eq!(client(ip("5.6.7.8"), &headers, http, false), ip("5.6.7.8"));
        }
    }

    #[test]
    fn the_entry_of_the_outermost_trusted_proxy_counts() {
        let given = &["9.9.9.9, 1.2.3.4", "10.0.0.2"];
        assert_eq!(behind(0, given), PEER);
        assert_eq!(behind(1, given), "10.0.0.2");
        assert_eq!(behind(2, given), "1.2.3.4");
        assert_eq!(behind(3, given), "9.9.9.9");
        assert_eq!(behind(9, given), "9.9.9.9", "fewer proxies than declared");
        assert_eq!(behind(1, &[]), PEER);
    }

    #[test]
    fn what_cannot_be_read_makes_its_writer_the_client() {
        for junk in ["junk", "", "1.2.3", "1.2.3.4.5", "unknown", "1.2.3.4 5.6.7.8", "[::1"] {
            assert_eq!(behind(1, &[junk]), PEER, "{junk:?}");
        }
        assert_eq!(behind(3, &["1.1.1.1, junk, 2.2.2.2"]), "2.2.2.2");
        assert_eq!(behind(2, &["1.1.1.1, 2.2.2.2,"]), PEER, "the nearest proxy wrote nothing");
        let mut headers = lines("x-forwarded-for", &["1.1.1.1"]);
        headers.append("x-forwarded-for", http::HeaderValue::from_bytes(b"\xff").expect("bytes"));
        assert_eq!(client(ip(PEER), &headers, Http::DEFAULT, true), ip(PEER));
    }

    #[test]
    fn ports_and_ipv6_are_understood() {
        assert_eq!(behind(1, &["1.2.3.4:5678"]), "1.2.3.4");
        assert_eq!(behind(1, &["2001:db8::1"]), "2001:db8::1");
        assert_eq!(behind(1, &["[2001:db8::1]"]), "2001:db8::1");
        assert_eq!(behind(1, &["[2001:db8::1]:443"]), "2001:db8::1");
        assert_eq!(behind(1, &["::ffff:1.2.3.4"]), "1.2.3.4", "one client, however it is written");
    }

    #[test]
    fn forwarded_is_read_as_its_standard_says() {
        assert_eq!(in_forwarded(1, &["for=192.0.2.60;proto=http;by=203.0.113.43"]), "192.0.2.60");
        assert_eq!(in_forwarded(1, &[r#"For="[2001:db8:cafe::17]:4711""#]), "2001:db8:cafe::17");
        assert_eq!(in_forwarded(1, &[r#"for="192.0.2.43:47011""#]), "192.0.2.43");
        assert_eq!(in_forwarded(2, &["for=192.0.2.43, for=198.51.100.17"]), "192.0.2.43");
        assert_eq!(in_forwarded(2, &["for=1.1.1.1", "for=2.2.2.2;by=_x"]), "1.1.1.1");
        for junk in ["for=unknown", "for=_hidden", "by=1.2.3.4", "for=1.1.1.1;for=2.2.2.2", "for="]
        {
            assert_eq!(in_forwarded(1, &[junk]), PEER, "{junk}");
        }
        let headers = lines("x-forwarded-for", &["1.2.3.4"]);
        let http = Http { trusted_hops: 1, forwarding: Forwarding::Forwarded };
        assert_eq!(client(ip(PEER), &headers, http, true), ip(PEER), "the other header is nothing");
    }

    #[test]
    fn one_ipv6_network_is_one_client() {
        assert_eq!(key(ip("2001:db8::1")), key(ip("2001:db8::ffff:1")));
        assert_ne!(key(ip("2001:db8::1")), key(ip("2001:db8:0:1::1")));
    }
}
