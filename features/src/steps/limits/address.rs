//! The limit of a client address, and attempts to appear as somebody else.

use std::net::{IpAddr, Ipv4Addr};

use cucumber::step::Collection;
use proofline_spec::document::{LimitKey, Route, RouteKey};

use super::super::{Arguments, steps};
use super::share::{self, Share, Whom};
use super::{Allowed, UsedUp, in_order, room};
use crate::exchange::Request;
use crate::failure::{Failure, Findings, Seen, require};
use crate::world::World;

/// How many requests more than allowed are sent, to see each of them refused.
const BEYOND: u64 = 5;

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        when "one address uses its limit up, one request after another" => one_by_one;
        when "one network of the newer kind uses its limit up, under another address each time" => newer_kind;
        when "one address sends twice as many requests as allowed, all at once" => at_once;
        when "a peer that is no trusted proxy uses its limit up under another name each time" => untrusted;
        when "one address uses its limit up with requests that match no route" => unrouted;
        then "that address is refused whatever it claims to forward" => claims;
        then "that address is refused on every such request and on declared routes" => still_refused;
        then "another address is still served" => another;
        then "another peer is still served" => another_peer;
        then "the health endpoint answers three times as often as any other endpoint would" => health;
    }
}

/// The route to ask, and the limit of a client address that applies to it.
pub(super) struct Asked {
    path: String,
    allowed: Allowed,
    headers: Vec<(String, String)>,
}

pub(super) fn asked(world: &World) -> Result<Asked, Failure> {
    let run = world.run()?;
    let target = &run.target;
    let guarded = target.jwt().and_then(|jwt| target.safe_route(&jwt.name));
    let open = target.routes().find(|(key, route)| {
        !key.method.has_body()
            && key.parameters().next().is_none()
            && !target.limit_names(route).is_empty()
    });
    let key = guarded
        .or(open.map(|(key, _)| key))
        .ok_or_else(|| Failure::not_applicable("no limited route is safe to call"))?;
    let route = target.route(key).ok_or_else(|| Failure::broken("the route is gone"))?;
    let (name, rate) = target
        .limits(route)
        .filter(|(_, limit)| limit.by == LimitKey::ClientIp)
        .filter_map(|(name, limit)| Some((name, limit.rate?)))
        .min_by_key(|(_, rate)| rate.count)
        .ok_or_else(|| {
            Failure::not_applicable(format!("`{key}` does not limit client addresses"))
        })?;
    // A user whose own limit is lower would be refused first; nobody is then asked instead, and 401 counts as let through.
    let headers = match world.users.first() {
        Some(user) if target.principal_budget(route) > rate.count + 2 => vec![user.bearer()],
        _ => Vec::new(),
    };
    Ok(Asked {
        path: key.path.clone(),
        allowed: Allowed {
            limit: name.to_owned(),
            route: key.clone(),
            count: rate.count,
            window: rate.window.as_secs(),
        },
        headers,
    })
}

impl Asked {
    /// By somebody who is not known: no limit of a user, which may be used up already, comes in between.
    pub(super) fn by_nobody(mut self) -> Self {
        self.headers.clear();
        self
    }

    pub(super) fn request(&self) -> Request {
        Request::get(&self.path).headers(&self.headers).expecting_limit()
    }
}

/// Uses the limit of one address up, one request after another; how, for people.
async fn sequence(
    world: &mut World,
    asked: &Asked,
    address: String,
    make: impl Fn(u64) -> Request,
) -> Seen {
    let what = format!("limit {}", asked.allowed.limit);
    in_order(world, what, asked.allowed.clone(), &Whom::Address(address), BEYOND, make).await?;
    let share = world.memory.limits.used_up.last().map(|used_up| used_up.share.text());
    Ok(format!("{} + {BEYOND} beyond", share.unwrap_or_default()))
}

/// Uses the limit of that address up; who asks is the one that it was used up for.
pub(super) async fn from_address(world: &mut World, asked: Asked, address: String) -> Seen {
    let make = |_| asked.request().from_address(&address);
    let seen = sequence(world, &asked, address.clone(), make).await?;
    world.memory.limits.address = address;
    Ok(seen)
}

/// Uses the limit of a new address up: its name, and what it refuses now.
pub(in crate::steps) async fn use_up(world: &mut World) -> Result<(String, Request), Failure> {
    let (asked, address) = (asked(world)?, world.run()?.fresh_address());
    let found = (asked.allowed.limit.clone(), asked.request().from_address(&address));
    from_address(world, asked, address).await?;
    Ok(found)
}

async fn one_by_one(world: &mut World, _: Arguments) -> Seen {
    let (asked, address) = (asked(world)?, world.run()?.fresh_address());
    from_address(world, asked, address).await
}

async fn newer_kind(world: &mut World, _: Arguments) -> Seen {
    // 2001:db8::/32 is set aside for documentation (RFC 3849). A host has all addresses of a /64 (RFC 4291, 2.5.1).
    let network = (0x2001_0db8_u128 << 96) | (uuid::Uuid::new_v4().as_u128() >> 96 << 64);
    // Far apart, and still in one network.
    let address = |number: u64| {
        let place = u128::from((number & 0xffff) << 48 | number);
        std::net::Ipv6Addr::from(network | place).to_string()
    };
    let asked = asked(world)?;
    let make = |number: u64| asked.request().from_address(address(number + 2));
    let seen = sequence(world, &asked, address(1), make).await?;
    world.memory.limits.address = address(1);
    Ok(seen)
}

async fn at_once(world: &mut World, _: Arguments) -> Seen {
    let asked = asked(world)?;
    let address = world.run()?.fresh_address();
    let request = asked.request().from_address(&address);
    let share = Share::of(&world.run()?.target, &asked.allowed.limit, asked.allowed.count)?;
    let _room = room::make(world, &asked.allowed.limit, share.sent() * 2).await?;
    if share.counted > 0 {
        let whom = Whom::Address(address.clone());
        share::count(world, &asked.allowed, &whom, share.counted).await?;
    }
    let count = share.sent() * 2;
    let began = std::time::Instant::now();
    let outcome = world.send_many(count, move |_| request.clone()).await?;
    world.memory.limits.address = address;
    world.memory.limits.used_up.push(UsedUp {
        what: format!("limit {}", asked.allowed.limit),
        allowed: asked.allowed,
        share,
        began,
        took: began.elapsed(),
        outcome,
        remaining: Vec::new(),
        contradictions: Vec::new(),
    });
    Ok(format!("{count} requests for {}", share.text()))
}

/// The limit of a client address that requests without a route fall under: one of the defaults.
fn default_limit(world: &World) -> Result<Asked, Failure> {
    let run = world.run()?;
    let service = &run.target.service;
    let limits = service.defaults.limits.iter().filter_map(|name| {
        let limit = service.limits.get(name).filter(|limit| limit.by == LimitKey::ClientIp)?;
        Some((name, limit.rate?))
    });
    let (name, rate) = limits.min_by_key(|(_, rate)| rate.count).ok_or_else(|| {
        Failure::not_applicable("the spec's defaults do not limit client addresses")
    })?;
    let routed =
        run.target.routes().find(|(_, route)| run.target.limit_names(route).contains(name));
    let (route, _) = routed
        .ok_or_else(|| Failure::not_applicable(format!("no route has the limit `{name}`")))?;
    Ok(Asked {
        path: format!("/{}", uuid::Uuid::new_v4()),
        allowed: Allowed {
            limit: name.clone(),
            route: route.clone(),
            count: rate.count,
            window: rate.window.as_secs(),
        },
        headers: Vec::new(),
    })
}

/// Requests that match no route, each in its own way; the last one does, but its method asks for permission only.
fn strays(world: &World) -> Result<Vec<(&'static str, Request)>, Failure> {
    let run = world.run()?;
    let mut found = vec![
        ("an undeclared path", Request::get(format!("/{}", uuid::Uuid::new_v4()))),
        ("a path that is no proper path", Request::get("/%ff")),
    ];
    let plain = |key: &RouteKey| key.parameters().next().is_none();
    // A service may leave a path as a whole without a limit, whatever the method.
    let limited = |route: &Route| !run.target.limit_names(route).is_empty();
    let mut routes = run.target.routes();
    if let Some((key, _)) = routes.find(|(key, route)| plain(key) && limited(route)) {
        found.push(("an undeclared method", Request::new("PROPFIND", &key.path)));
        let preflight = Request::new("OPTIONS", &key.path)
            .header("Origin", "https://elsewhere.example")
            .header("Access-Control-Request-Method", key.method.as_str());
        found.push(("a preflight request", preflight));
    }
    Ok(found.into_iter().map(|(name, request)| (name, request.expecting_limit())).collect())
}

async fn unrouted(world: &mut World, _: Arguments) -> Seen {
    let asked = default_limit(world)?;
    let address = world.run()?.fresh_address();
    let strays = strays(world)?;
    let make = |number| {
        let at = usize::try_from(number).unwrap_or(0) % strays.len();
        strays[at].1.clone().from_address(&address)
    };
    let seen = sequence(world, &asked, address.clone(), make).await?;
    world.memory.limits.address = address;
    Ok(format!("{seen}, of {} kinds", strays.len()))
}

/// Who was refused must be refused only as long as no window has ended.
fn still_within(world: &World) -> Result<(), Failure> {
    world.memory.limits.used_up.iter().try_for_each(UsedUp::still_within_its_window)
}

async fn still_refused(world: &mut World, _: Arguments) -> Seen {
    let address = world.memory.limits.address.clone();
    let mut requests = strays(world)?;
    requests.push(("a declared route", asked(world)?.request()));
    let mut findings = Findings::new();
    for (name, request) in requests {
        let answer = world.send(request.from_address(&address)).await?;
        findings
            .add(name, require(answer.status == 429, || "must be refused".to_owned(), &answer))?;
    }
    still_within(world)?;
    findings.finish("nothing was sent", |count| format!("{count} kinds of requests are refused"))
}

/// Whether a header holds one address that whoever writes it puts in place of what was there, not a list that grows.
fn is_single(header: &str) -> bool {
    header.eq_ignore_ascii_case("CF-Connecting-IP")
}

/// Names that proxies are known to pass a client's address on in.
fn disguise(request: Request, address: &str, only_header: Option<&str>) -> Request {
    let mut request = request;
    for name in [
        "X-Forwarded-For",
        "X-Real-IP",
        "CF-Connecting-IP",
        "True-Client-IP",
        "X-Client-IP",
        "Forwarded",
        "X-Cluster-Client-IP",
    ] {
        if only_header.is_some_and(|header| header.eq_ignore_ascii_case(name)) {
            continue;
        }
        let value = if name == "Forwarded" { format!("for={address}") } else { address.to_owned() };
        request = request.header(name, value);
    }
    request
}

async fn untrusted(world: &mut World, _: Arguments) -> Seen {
    let asked = asked(world)?;
    let run = world.run()?;
    // Any address of 127.0.0.0/8 is this machine's own; one that nobody else uses starts with a full limit.
    let peer = IpAddr::V4(Ipv4Addr::new(
        127,
        fastrand::u8(1..=254),
        fastrand::u8(..),
        fastrand::u8(1..=254),
    ));
    // Nobody but the platform sets its own header; where the checks may choose the address, they play the platform.
    let platform = run.address_header().filter(|header| is_single(header));
    let make = |_| disguise(asked.request(), &run.fresh_address(), platform).connecting_from(peer);
    let seen = sequence(world, &asked, peer.to_string(), make).await?;
    world.memory.limits.peer = Some(peer);
    Ok(format!("{seen}, from {peer}"))
}

async fn claims(world: &mut World, _: Arguments) -> Seen {
    let asked = asked(world)?;
    let run = world.run()?;
    let address = world.memory.limits.address.clone();
    let header = run.address_header().unwrap_or("X-Forwarded-For").to_owned();
    let mut findings = Findings::new();
    for _ in 0..3 {
        let other = run.fresh_address();
        // The proxy adds the address that it sees to what the client claims.
        for claimed in [
            other.clone(),
            format!("{other}, {other}"),
            "unknown".to_owned(),
            String::new(),
            "127.0.0.1".to_owned(),
        ] {
            let alone = claimed.is_empty() || is_single(&header);
            let value = if alone { address.clone() } else { format!("{claimed}, {address}") };
            let elsewhere = if is_single(&header) { &claimed } else { &other };
            let request =
                disguise(asked.request(), elsewhere, Some(&header)).header(header.clone(), value);
            let answer = world.send(request).await?;
            findings.add(
                &claimed,
                require(answer.status == 429, || "must still be refused".to_owned(), &answer),
            )?;
        }
    }
    still_within(world)?;
    findings.finish("nothing was claimed", |count| format!("{count} claims were not believed"))
}

async fn another(world: &mut World, _: Arguments) -> Seen {
    let asked = asked(world)?;
    let answer = world.send(asked.request()).await?;
    require(answer.status != 429, || "another address must be served".to_owned(), &answer)?;
    Ok(answer.status.to_string())
}

async fn another_peer(world: &mut World, _: Arguments) -> Seen {
    let asked = asked(world)?;
    let peer = IpAddr::V4(Ipv4Addr::new(
        127,
        fastrand::u8(1..=254),
        fastrand::u8(..),
        fastrand::u8(1..=254),
    ));
    let answer = world.send(asked.request().connecting_from(peer)).await?;
    require(answer.status != 429, || "another peer must be served".to_owned(), &answer)?;
    Ok(answer.status.to_string())
}

async fn health(world: &mut World, _: Arguments) -> Seen {
    let asked = asked(world)?;
    let run = world.run()?;
    let path = run.target.health_route().map(|(key, _)| key.path.clone()).unwrap_or_default();
    let count = (asked.allowed.count * 3).max(200);
    let address = world.memory.limits.address.clone();
    let request = Request::get(path).from_address(address).expecting_limit();
    let outcome = world.send_many(count, move |_| request.clone()).await?;
    let served = outcome.statuses.get(&200).copied().unwrap_or(0);
    if served != count {
        return Err(Failure::Wrong(format!(
            "of {count} requests {served} were answered 200: {:?}",
            outcome.statuses
        )));
    }
    Ok(format!("{count} requests from a refused address were all answered 200"))
}
