//! Messages that nobody takes, on a real Postgres and a real Redis: kept, listed, and replayed once.

use serde_json::{Value, json};

use super::ground::eventually;
use super::luna::{Luna, sql};
use super::servers::Server;

#[test]
#[ignore = "needs postgres and redis-server: cargo xtask test --only stores"]
fn a_dead_letter_is_replayed_by_one_of_two_replicas() {
    let (redis, postgres) = (Server::redis(), Server::postgres());
    // Nobody listens where e-mails go.
    let variables = [("DATABASE_URL", postgres.url.as_str()), ("REDIS_URL", redis.url.as_str())];
    let replicas = [Luna::start(&variables), Luna::start(&variables)];
    let token = replicas[0].account("root");
    sql(&postgres.url, "update users set role = 'admin' where email = 'root@example.com'");
    let client = |number: usize| {
        let mut client = replicas[number].client(number + 1);
        client.token = Some(token.clone());
        client
    };
    let mail = json!({"to": "ada@example.com", "subject": "Hello", "text": "How are you?"});
    let sent = client(0).send("POST", "/api/v1/emails", Some(&mail)).unwrap();
    assert_eq!(sent.status, 202, "{}", sent.json());
    let letters = |client: &mut super::client::Client| -> Vec<Value> {
        let listed = client.send("GET", "/api/v1/admin/dead-letters", None).unwrap();
        assert_eq!(listed.status, 200, "{}", listed.json());
        listed.json()["items"].as_array().unwrap().clone()
    };
    let mut asking = client(1);
    // Asked behind everybody's back: whoever asks the service again and again is refused by a limit.
    let dead = |count: usize| {
        eventually("the message is a dead letter", || {
            (sql(&postgres.url, "select id from dead_letters").len() >= count).then_some(())
        });
    };
    dead(1);
    let letter = letters(&mut asking).pop().unwrap();
    assert_eq!((&letter["class"], &letter["attempts"]), (&json!("transient"), &json!(3)));
    assert_eq!(letter["message"]["to"], "ada@example.com");
    let path = format!("/api/v1/admin/dead-letters/{}/replay", letter["id"].as_str().unwrap());
    let mut statuses: Vec<u16> = std::thread::scope(|scope| {
        let replaying = [0, 1].map(|number| {
            let (path, mut client) = (&path, client(number));
            scope.spawn(move || client.send("POST", path, None).unwrap().status)
        });
        replaying.map(|replaying| replaying.join().unwrap()).to_vec()
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 409]);
    // It died again, of the same cause, and is the same message.
    dead(2);
    let all = letters(&mut asking);
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(all.iter().all(|one| one["message_id"] == letter["message_id"]), "{all:?}");
    let first = all.iter().find(|one| one["id"] == letter["id"]).unwrap();
    assert!(first["replayed_at"].is_string(), "{first}");
}
