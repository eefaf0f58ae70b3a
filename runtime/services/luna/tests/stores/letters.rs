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
    let letter = eventually("the message is a dead letter", || letters(&mut asking).pop());
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
    let again = eventually("it is a dead letter again", || {
        letters(&mut asking).into_iter().find(|one| one["id"] != letter["id"])
    });
    assert_eq!(again["message_id"], letter["message_id"]);
    let first = letters(&mut asking).into_iter().find(|one| one["id"] == letter["id"]);
    assert!(first.unwrap()["replayed_at"].is_string());
    assert_eq!(letters(&mut asking).len(), 2);
}
