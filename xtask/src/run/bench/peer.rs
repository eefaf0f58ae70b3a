//! Who takes part in the benchmark.

/// A peer: the same chain of policies, written with what people would pick instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) title: &'static str,
    /// Whether it runs in workerd, the runtime of Workers.
    pub(crate) on_workers: bool,
    /// How it is built and started.
    pub(crate) kind: Kind,
}

/// How a peer is built and started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Our service, generated and built for this machine.
    OurProgram,
    /// Our service, generated and built to WebAssembly.
    OurWorker,
    /// WebAssembly that cargo builds, with an entry point of its own: its folder and its name.
    Wasm(&'static str, &'static str),
    /// A program that cargo builds: its folder and its name.
    Cargo(&'static str, &'static str),
    /// A program for Node: its folder and its entry point.
    Node(&'static str, &'static str),
    /// JavaScript that esbuild bundles for workerd: its folder and its entry point.
    Bundle(&'static str, &'static str),
}

/// Everyone, ours first in each group: ratios are ours to theirs.
pub(crate) const ALL: &[Peer] = &[
    Peer {
        name: "proofline",
        title: "Proofline, native",
        on_workers: false,
        kind: Kind::OurProgram,
    },
    Peer {
        name: "axum",
        title: "axum, written by hand",
        on_workers: false,
        kind: Kind::Cargo("axum", "peer-axum"),
    },
    Peer {
        name: "fastify",
        title: "Fastify on Node",
        on_workers: false,
        kind: Kind::Node("fastify", "server.mjs"),
    },
    Peer {
        name: "hono",
        title: "Hono and zod on Node",
        on_workers: false,
        kind: Kind::Node("hono", "node.mjs"),
    },
    Peer {
        name: "proofline-workerd",
        title: "Proofline in workerd",
        on_workers: true,
        kind: Kind::OurWorker,
    },
    Peer {
        name: "axum-workerd",
        title: "axum, by hand, in workerd",
        on_workers: true,
        kind: Kind::Wasm("worker", "peer_worker"),
    },
    Peer {
        name: "hono-workerd",
        title: "Hono and zod in workerd",
        on_workers: true,
        kind: Kind::Bundle("hono", "workerd.mjs"),
    },
];
