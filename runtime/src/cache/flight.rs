//! Of several requests for the same answer at the same time one makes it, and the others wait for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::channel::oneshot;
use futures::future::{BoxFuture, FutureExt as _, Shared};

use crate::answer::Answer;

/// In an isolate a request must not wait for what another one does: the platform ends it. There everyone makes it.
const CAN_WAIT: bool = cfg!(not(target_family = "wasm"));

type Landing = Shared<BoxFuture<'static, Option<Answer>>>;
type Board = Arc<Mutex<HashMap<String, Landing>>>;

/// The answers that are being made.
#[derive(Debug, Default, Clone)]
pub(super) struct Flights(Board);

/// What a request does for an answer.
pub(super) enum Seat {
    /// It makes it.
    Pilot(Pilot),
    /// It waits for the one that makes it; nothing comes when that one fails or is given up.
    Passenger(Landing),
}

/// Makes an answer for all who wait.
#[derive(Debug)]
pub(super) struct Pilot {
    key: String,
    board: Board,
    sender: Option<oneshot::Sender<Answer>>,
}

impl Flights {
    /// Makes the answer of this key, or waits for it.
    pub(super) fn board(&self, key: String) -> Seat {
        let mut board = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if CAN_WAIT && let Some(landing) = board.get(&key) {
            return Seat::Passenger(landing.clone());
        }
        let (sender, receiver) = oneshot::channel();
        let landing = receiver.map(Result::ok).boxed().shared();
        if CAN_WAIT {
            board.insert(key.clone(), landing);
        }
        Seat::Pilot(Pilot { key, board: Arc::clone(&self.0), sender: Some(sender) })
    }
}

impl Pilot {
    /// Gives the answer to all who wait.
    pub(super) fn land(mut self, answer: Answer) {
        if let Some(sender) = self.sender.take() {
            // Nobody may be waiting.
            let _ = sender.send(answer);
        }
    }
}

impl Drop for Pilot {
    fn drop(&mut self) {
        // Before those who wait wake up: they look for a new one.
        if CAN_WAIT {
            self.board.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
        }
    }
}
