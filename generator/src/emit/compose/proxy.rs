//! Several instances behind a proxy: an override of the compose file, and what `HAProxy` must know.

use serde_json::json;

use super::{FRONT, Part, files, hardened, limits, section};
use crate::tree::{Owner, Tree};
use crate::{Input, emit};

/// Both files; nothing for a service whose health cannot be asked.
pub(super) fn emit(input: &Input<'_>, tree: &mut Tree) -> Result<(), emit::BoxError> {
    let Some(health) = input.service.probes().readiness else { return Ok(()) };
    let folder = input.crate_folder();
    let banner = emit::banner(input);
    let text = format!(
        "# {banner}\n\
         # Several instances behind a proxy, which alone is published:\n\
         # docker compose -f {folder}/deploy/compose.yaml -f {folder}/deploy/compose.replicas.yaml up --build --wait\n{}",
        section("services", &[app(), proxy()])?
            // A list of an override is added to; this one takes away.
            .replace("ports: RESET", "ports: !reset []"),
    );
    tree.add(format!("{folder}/deploy/compose.replicas.yaml"), Owner::Generator, text);
    let text = CONFIGURATION.replace("BANNER", &banner).replace("HEALTH", &health.path);
    tree.add(format!("{folder}/deploy/haproxy.cfg"), Owner::Generator, text);
    Ok(())
}

fn app() -> Part {
    Part {
        name: "app",
        comment: "Nobody but the proxy reaches an instance, and only the proxy's word on an address is believed.",
        value: json!({
            "ports": "RESET",
            "deploy": { "replicas": "${REPLICAS:-2}" },
            "environment": { "TRUSTED_PROXIES": FRONT },
        }),
    }
}

fn proxy() -> Part {
    let value = json!({
        "image": "haproxy:3.0",
        "depends_on": { "app": { "condition": "service_healthy" } },
        "ports": ["127.0.0.1:${PORT:-8080}:8080"],
        "networks": ["front"],
        "volumes": ["./haproxy.cfg:/usr/local/etc/haproxy/haproxy.cfg:ro"],
        "tmpfs": ["/tmp"],
        "ulimits": files(),
        "stop_grace_period": "35s",
        "healthcheck": {
            // Whether it takes connections; what it has no instance for it answers itself.
            "test": ["CMD", "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080"],
            "interval": "5s",
            "timeout": "3s",
            "retries": 3,
            "start_period": "10s",
        },
        "deploy": limits("${PROXY_MEMORY:-256m}", "${PROXY_CPUS:-1}"),
    });
    Part {
        name: "proxy",
        comment: "Finds the instances by their common name, and leaves out those that say that they cannot serve.",
        value: hardened(value),
    }
}

/// A connection that was refused was never used, so any request is tried again at another instance; one that broke
/// only when the method says that it may be repeated.
const CONFIGURATION: &str = "\
# BANNER
global
    log stdout format raw local0 notice
    maxconn 9000

defaults
    log global
    mode http
    option dontlognull
    option forwardfor
    option redispatch 1
    option http-server-close
    retries 3
    retry-on conn-failure empty-response
    timeout connect 2s
    timeout client 65s
    timeout server 65s
    timeout http-request 10s
    timeout queue 5s

resolvers engine
    nameserver dns 127.0.0.11:53
    accepted_payload_size 8192
    hold valid 2s
    hold nx 2s

frontend http
    bind :8080
    http-request disable-l7-retry unless { method GET HEAD }
    default_backend app

backend app
    balance leastconn
    option httpchk
    http-check send meth GET uri HEALTH ver HTTP/1.1 hdr Host app
    # Who asks too often is told so by an instance that works.
    http-check expect rstatus ^(200|429)$
    default-server check inter 5s fastinter 1s downinter 1s fall 2 rise 1 observe layer4 error-limit 5 on-error fastinter resolvers engine init-addr none
    server-template app 10 app:8080
";
