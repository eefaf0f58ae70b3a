//! What a service uses, as traits: a host provides the stores behind them.

pub mod blob;
pub mod clock;
pub(crate) mod counted;
pub mod kv;
pub mod password;
pub mod queue;
pub mod rate_store;
pub mod room;
pub mod rsa;
pub mod search;
pub mod session;
pub mod sql;
pub mod upstream;

use futures::future::{BoxFuture, Either, Ready};

/// The answer of a store, which may be there at once or later.
pub type Reply<'a, T> = Either<Ready<T>, BoxFuture<'a, T>>;

/// An answer that is there at once.
pub fn ready<'a, T>(value: T) -> Reply<'a, T> {
    Either::Left(futures::future::ready(value))
}

/// An answer that comes later.
pub fn later<'a, T>(future: impl Future<Output = T> + Send + 'a) -> Reply<'a, T> {
    Either::Right(Box::pin(future))
}
