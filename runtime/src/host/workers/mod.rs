//! The host on Cloudflare Workers: the service as WebAssembly, in an isolate of the platform.
//!
//! `shim.mjs` is the entry point; it hands events over to the functions that [`crate::workers!`]
//! exports. `glue.mjs` is what Rust asks of the platform, in as few calls as can be: on this platform
//! the calls between WebAssembly and JavaScript are what costs, not the work between them.

mod body;
mod clock;
mod d1;
mod gathering;
mod glue;
mod kv;
mod observer;
mod password;
mod queue;
mod r2;
mod rates;
mod rooms;
mod rsa;
mod search;
mod sending;
mod start;
mod upstream;
mod worker;

pub use rates::rate_limit;
pub use sending::{leave_pieces, piece};
pub use worker::{Running, Worker, body_timeout, resume};

#[doc(hidden)]
pub use js_sys::{Promise, Uint8Array};
#[doc(hidden)]
pub use wasm_bindgen;
#[doc(hidden)]
pub use wasm_bindgen::JsValue;

/// Exports a service to the platform: `proofline_runtime::workers!(Generated(App))`.
#[macro_export]
macro_rules! workers {
    ($service:expr) => {
        /// The platform's events, as the entry point hands them over.
        mod platform_events {
            use $crate::host::workers::wasm_bindgen::prelude::wasm_bindgen;
            use $crate::host::workers::{JsValue, Promise, Running, Uint8Array};

            use super::*;

            std::thread_local! {
                static RUNNING: Running = Running::default();
            }

            fn worker(env: &JsValue) -> std::rc::Rc<dyn $crate::host::workers::Worker> {
                RUNNING.with(|running| running.get_or_start(|| $service, env))
            }

            /// Answers a request.
            #[wasm_bindgen(wasm_bindgen = $crate::host::workers::wasm_bindgen)]
            pub fn fetch(request: JsValue, env: JsValue, context: JsValue) -> JsValue {
                worker(&env).fetch(request, context)
            }

            /// Goes on with a request whose body was read, could not be read, or did not come in time.
            #[wasm_bindgen(wasm_bindgen = $crate::host::workers::wasm_bindgen)]
            pub fn resume(number: u32, body: Option<Uint8Array>, error: JsValue) -> JsValue {
                $crate::host::workers::resume(number, body, error)
            }

            /// The next piece of an answer.
            #[wasm_bindgen(wasm_bindgen = $crate::host::workers::wasm_bindgen)]
            pub fn piece(number: u32) -> Promise {
                $crate::host::workers::piece(number)
            }

            /// Nobody wants the rest of an answer.
            #[wasm_bindgen(wasm_bindgen = $crate::host::workers::wasm_bindgen)]
            pub fn leave_pieces(number: u32) {
                $crate::host::workers::leave_pieces(number);
            }

            /// How long a body may take to arrive, in milliseconds.
            #[wasm_bindgen(wasm_bindgen = $crate::host::workers::wasm_bindgen)]
            pub fn body_timeout() -> f64 {
                $crate::host::workers::body_timeout()
            }

            /// Delivers a batch of messages.
            #[wasm_bindgen(wasm_bindgen = $crate::host::workers::wasm_bindgen)]
            pub fn queue(name: String, messages: String, env: JsValue) -> Promise {
                worker(&env).queue(name, messages)
            }

            /// What comes of something that happened in a room.
            #[wasm_bindgen(wasm_bindgen = $crate::host::workers::wasm_bindgen)]
            pub fn room(event: String, env: JsValue) -> String {
                worker(&env).room(&event)
            }

            /// Runs the tasks of a schedule.
            #[wasm_bindgen(wasm_bindgen = $crate::host::workers::wasm_bindgen)]
            pub fn scheduled(cron: String, env: JsValue) -> Promise {
                worker(&env).scheduled(cron)
            }
        }
    };
}
