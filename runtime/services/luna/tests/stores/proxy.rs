//! A proxy in front of replicas: each connection goes to the next one that accepts it.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// It listens as long as the process of the tests lives.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    replicas: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Proxy {
    pub(crate) fn start(replicas: Vec<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let replicas = Arc::new(Mutex::new(replicas));
        let known = Arc::clone(&replicas);
        std::thread::spawn(move || {
            for (number, client) in listener.incoming().flatten().enumerate() {
                let mut order = known.lock().unwrap().clone();
                let next = number % order.len();
                order.rotate_left(next);
                // Who refuses a connection has not seen a request, so that another one may be asked.
                let replica = order.into_iter().find_map(|to| TcpStream::connect(to).ok());
                if let Some(replica) = replica {
                    carry(client, replica);
                }
            }
        });
        Self { address, replicas }
    }

    /// Another process takes this replica's place.
    pub(crate) fn replace(&self, number: usize, address: SocketAddr) {
        self.replicas.lock().unwrap()[number] = address;
    }
}

/// Carries bytes in both directions until both are at their end.
fn carry(client: TcpStream, replica: TcpStream) {
    for stream in [&client, &replica] {
        stream.set_nodelay(true).unwrap();
    }
    let back = (replica.try_clone().unwrap(), client.try_clone().unwrap());
    for (mut from, mut to) in [(client, replica), back] {
        std::thread::spawn(move || {
            // However it ended, the other side is told.
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
}
