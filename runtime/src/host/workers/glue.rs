//! The functions of `glue.mjs`: each does in one call to JavaScript what would otherwise take many.

use std::panic::AssertUnwindSafe;

use futures::future::LocalBoxFuture;
use js_sys::{Array, Float64Array, Promise, Uint8Array};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen(raw_module = "./glue.mjs")]
extern "C" {
    pub(super) fn head(request: &JsValue, place: bool) -> String;
    #[wasm_bindgen(catch)]
    pub(super) async fn whole_body(request: &JsValue) -> Result<Uint8Array, JsValue>;
    pub(super) fn reader(request: &JsValue) -> JsValue;
    #[wasm_bindgen(catch)]
    pub(super) async fn chunk(reader: &JsValue) -> Result<Option<Uint8Array>, JsValue>;
    pub(super) fn leave(reader: &JsValue);
    pub(super) fn answer_in_pieces(
        status: u16,
        own: &str,
        common: &str,
        length: f64,
        number: u32,
    ) -> JsValue;
    pub(super) fn switch_protocols(own: &str, common: &str, socket: &JsValue) -> JsValue;
    pub(super) fn answer(status: u16, own: &str, common: &str, body: &[u8]) -> JsValue;

    fn extend(context: &JsValue, work: &Promise);

    pub(super) fn now() -> f64;
    pub(super) fn timer(millis: f64) -> JsValue;
    pub(super) async fn wait(timer: &JsValue);
    pub(super) fn cancel(timer: &JsValue);
    pub(super) fn random(length: u32) -> Uint8Array;
    pub(super) fn log(level: u8, line: &str);
    pub(super) fn data_point(dataset: &JsValue, blobs: &str, duration: f64);

    pub(super) fn variable(env: &JsValue, name: &str) -> Option<String>;
    pub(super) fn binding(env: &JsValue, name: &str) -> JsValue;
    #[wasm_bindgen(catch)]
    pub(super) async fn d1(database: &JsValue, batch: &str, from: &str)
    -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch)]
    pub(super) async fn kv_get(store: &JsValue, key: &str) -> Result<Option<Uint8Array>, JsValue>;
    #[wasm_bindgen(catch)]
    pub(super) async fn kv_put(
        store: &JsValue,
        key: &str,
        value: &[u8],
        millis: f64,
    ) -> Result<(), JsValue>;
    #[wasm_bindgen(catch)]
    pub(super) async fn kv_delete(store: &JsValue, key: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(catch)]
    pub(super) async fn r2_get(bucket: &JsValue, key: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch)]
    pub(super) async fn r2_head(bucket: &JsValue, key: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch)]
    pub(super) async fn r2_read(
        bucket: &JsValue,
        key: &str,
        etag: &str,
        offset: f64,
        length: f64,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch)]
    pub(super) async fn r2_begin(
        bucket: &JsValue,
        key: &str,
        media_type: &str,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch)]
    pub(super) async fn r2_part(
        upload: &JsValue,
        number: u32,
        bytes: &[u8],
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch)]
    pub(super) async fn r2_complete(upload: &JsValue, parts: &Array) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch)]
    pub(super) async fn r2_abort(upload: &JsValue) -> Result<(), JsValue>;
    #[wasm_bindgen(catch)]
    pub(super) async fn r2_list(bucket: &JsValue, prefix: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch)]
    pub(super) async fn r2_put(
        bucket: &JsValue,
        key: &str,
        bytes: &[u8],
        media_type: &str,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch)]
    pub(super) async fn r2_delete(bucket: &JsValue, key: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(catch)]
    pub(super) async fn ai_embed(ai: &JsValue, model: &str, text: &str)
    -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch)]
    pub(super) async fn vectorize_upsert(
        index: &JsValue,
        id: &str,
        vector: &[f32],
    ) -> Result<(), JsValue>;
    #[wasm_bindgen(catch)]
    pub(super) async fn vectorize_remove(index: &JsValue, id: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(catch)]
    pub(super) async fn vectorize_nearest(
        index: &JsValue,
        vector: &[f32],
        most: u32,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch)]
    pub(super) async fn vectorize_size(index: &JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch)]
    pub(super) async fn send(queue: &JsValue, message: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(catch)]
    pub(super) async fn take(
        counters: &JsValue,
        name: &str,
        most: f64,
        window: f64,
        requests: u32,
    ) -> Result<Float64Array, JsValue>;
    #[wasm_bindgen(catch)]
    pub(super) async fn enter(rooms: &JsValue, name: &str, seat: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch)]
    pub(super) async fn limit(limiter: &JsValue, key: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch)]
    #[expect(clippy::too_many_arguments, reason = "one call is all that it may take")]
    pub(super) async fn call(
        service: &JsValue,
        base: &str,
        path: &str,
        query: &str,
        method: &str,
        headers: &str,
        body: &[u8],
        millis: f64,
        most: f64,
    ) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(catch)]
    pub(super) async fn rsa_verify(
        modulus: &[u8],
        exponent: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch)]
    pub(super) async fn rsa_sign(key: &[u8], message: &[u8]) -> Result<Uint8Array, JsValue>;
    #[wasm_bindgen(catch)]
    pub(super) async fn rsa_public(key: &[u8]) -> Result<JsValue, JsValue>;

    pub(super) fn field(list: &JsValue, at: u32) -> JsValue;
    pub(super) fn explain(error: &JsValue) -> String;
}

/// Lets some work go on after the answer.
pub(super) fn wait_until(context: &JsValue, work: LocalBoxFuture<'static, ()>) {
    let promise = wasm_bindgen_futures::future_to_promise(AssertUnwindSafe(async {
        work.await;
        Ok(JsValue::UNDEFINED)
    }));
    extend(context, &promise);
}
