//! What breaks its promises under load is found out, each flaw by what it breaks; and who keeps them passes.
#![expect(clippy::unwrap_used, reason = "a test stops where its ground is missing")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Router, body::Bytes};
use proofline_features::chaos::{self, Options};
use proofline_features::command;
use proofline_spec::exit::Exit;
use serde_json::{Value, json};

const SPEC: &str = r#"
proofline: v1
service: {name: bank, version: 1.0.0, summary: Credits and notes}
targets: []
config: {secrets: {TOKEN_SECRET: {min_bytes: 32}}}
roles: [user, admin]
auth:
  session:
    kind: jwt
    algorithm: HS256
    secret: TOKEN_SECRET
    issuer: bank
    audience: bank-api
    lifetime: 1h
    principal: {query: account, with: {id: token.sub}}
defaults: {auth: [session]}
schemas:
  Id: {type: string, format: uuid}
  User: {type: object, required: [id], properties: {id: {type: string}}}
  Balance: {type: object, required: [balance], properties: {balance: {type: integer}}}
  Movement: {type: object, required: [id, amount], properties: {id: {type: string}, amount: {type: integer}}}
  Amount: {type: object, required: [amount], properties: {amount: {type: integer}}}
  NewNote: {type: object, required: [title], properties: {title: {type: string, maxLength: 100}}}
  Note: {type: object, required: [id, title], properties: {id: {type: string}, title: {type: string}}}
queries:
  some: {sql: "select 1", expect: many}
  account: {sql: "select 1", expect: optional}
routes:
  POST /users: {auth: none, body: NewNote, op: {custom: sign_up}, returns: {201: User}}
  POST /sessions: {auth: none, op: {custom: log_in}, returns: {200: User}}
  POST /users/{id}/credits: {roles: [admin], path: {id: Id}, body: Amount, op: {custom: grant}, returns: {201: Movement}}
  GET /balance: {op: {query: {run: some}}, returns: {200: Balance}}
  POST /spent: {body: Amount, op: {custom: spend}, returns: {201: Movement}}
  GET /movements: {op: {query: {run: some}}, returns: {200: {list: Movement}}}
  POST /notes: {body: NewNote, op: {custom: note}, returns: {201: Note}}
  GET /notes: {op: {query: {run: some}}, returns: {200: {list: Note}}}
accounts:
  sign_up: {route: POST /users, body: {title: "{email}"}, id: /id}
  log_in: {route: POST /sessions, token: /token}
  balance:
    grant: {route: "POST /users/{id}/credits", body: {amount: "{amount}"}}
    spend: {route: POST /spent, body: {amount: 1}}
    read: {route: GET /balance, at: /balance}
    movements: {route: GET /movements, at: /amount}
"#;

const SECRET: &str = "a secret of the harness's own tests, worth nothing";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    LosesNotes,
    DoublesNotes,
    Overdraws,
    IsUnavailable,
    Forgets,
}

#[derive(Default)]
struct Account {
    balance: i64,
    movements: Vec<Value>,
    notes: Vec<Value>,
}

struct Bank {
    flaw: Flaw,
    accounts: Mutex<(u64, HashMap<String, Account>)>,
}

type Shared = State<Arc<Bank>>;

/// The subject of a token; who signed it is not this service's point.
fn subject(headers: &HeaderMap) -> String {
    let header = headers["authorization"].to_str().unwrap();
    let payload = header.split('.').nth(1).unwrap();
    let payload = proofline_features::token::from_base64url(payload).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    claims["sub"].as_str().unwrap().to_owned()
}

fn answer(status: u16, body: &Value) -> Response {
    let kind = if status < 400 { "application/json" } else { "application/problem+json" };
    let status = StatusCode::from_u16(status).unwrap();
    (status, [("content-type", kind)], body.to_string()).into_response()
}

impl Bank {
    /// Does something to an account; with a number that no other request has.
    fn with(&self, id: &str, run: impl FnOnce(&mut Account, u64) -> Response) -> Response {
        let mut accounts = self.accounts.lock().unwrap();
        accounts.0 += 1;
        let number = accounts.0;
        run(accounts.1.entry(id.to_owned()).or_default(), number)
    }

    fn moves(&self, id: &str, amount: i64) -> Response {
        self.with(id, |account, number| {
            if self.flaw == Flaw::IsUnavailable && amount < 0 && number % 7 == 0 {
                return answer(503, &json!({"type": "unavailable"}));
            }
            if account.balance + amount < 0 && self.flaw != Flaw::Overdraws {
                return answer(409, &json!({"type": "poor"}));
            }
            account.balance += amount;
            let movement = json!({"id": format!("m{number}"), "amount": amount});
            account.movements.push(movement.clone());
            answer(201, &movement)
        })
    }
}

async fn sign_up(State(bank): Shared) -> Response {
    let id = uuid::Uuid::new_v4().to_string();
    bank.with(&id, |_, _| answer(201, &json!({"id": id})))
}

async fn grant(State(bank): Shared, Path(id): Path<String>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap();
    bank.moves(&id, body["amount"].as_i64().unwrap())
}

async fn note(State(bank): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap();
    bank.with(&subject(&headers), |account, number| {
        let note = json!({"id": format!("n{number}"), "title": body["title"]});
        let copies = match bank.flaw {
            Flaw::LosesNotes if number % 7 == 0 => 0,
            Flaw::DoublesNotes if number % 7 == 0 => 2,
            _ => 1,
        };
        account.notes.extend(std::iter::repeat_n(note.clone(), copies));
        answer(201, &note)
    })
}

async fn serve(flaw: Flaw) -> String {
    let bank = Arc::new(Bank { flaw, accounts: Mutex::default() });
    let read = |pick: fn(&Account) -> Value| {
        get(move |State(bank): Shared, headers: HeaderMap| async move {
            bank.with(&subject(&headers), |account, number| {
                if bank.flaw == Flaw::Forgets && number > 300 {
                    account.notes.clear();
                }
                answer(200, &pick(account))
            })
        })
    };
    let router = Router::new()
        .route("/users", post(sign_up))
        .route("/users/{id}/credits", post(grant))
        .route("/balance", read(|account| json!({"balance": account.balance})))
        .route("/movements", read(|account| json!({"items": account.movements})))
        .route("/notes", read(|account| json!({"items": account.notes})).post(note))
        .route(
            "/spent",
            post(|State(bank): Shared, headers: HeaderMap| async move {
                bank.moves(&subject(&headers), -1)
            }),
        )
        .route("/.well-known/proofline", get(|| async { "{}" }))
        .with_state(bank);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// How a run without any fault ends against a service with that flaw, and what it says is wrong.
async fn run(flaw: Flaw) -> (Exit, String) {
    let plan = json!({
        "spec": "unused",
        "environment": {
            "proofline": "v1",
            "environment": "harness",
            "target": "native",
            "credentials": {"admin": {"mint": {"scheme": "session", "subject": "root"}}},
            "permits": {"writes": true, "faults": true},
        },
        "url": serve(flaw).await,
        "secrets": {"TOKEN_SECRET": "TOKEN_SECRET"},
        "seed": 1,
    });
    let target = command::assemble(
        serde_json::from_value(plan).unwrap(),
        serde_saphyr::from_str(SPEC).unwrap(),
        &|name| (name == "TOKEN_SECRET").then(|| SECRET.to_owned()),
    );
    let options = Options { seed: 1, from: 1, rounds: Some(1), time: None, abilities: Vec::new() };
    let folder = tempfile::tempdir().unwrap();
    let exit = chaos::run(target, options, folder.path(), |_| {}, std::future::pending());
    let exit = Box::pin(exit).await.unwrap();
    let document = std::fs::read_to_string(folder.path().join("chaos.json")).unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["seed"], 1);
    let rounds = document["rounds"].as_array().unwrap();
    let wrong: Vec<&Value> =
        rounds.iter().flat_map(|round| round["wrong"].as_array().unwrap()).collect();
    (exit, format!("{wrong:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn who_keeps_every_promise_passes() {
    let (exit, wrong) = run(Flaw::None).await;
    assert_eq!((exit, wrong.as_str()), (Exit::Success, "[]"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_broken_promise_is_told() {
    for (flaw, told) in [
        (Flaw::LosesNotes, "was confirmed, and is not there"),
        (Flaw::DoublesNotes, "was made once, and is there 2 times"),
        (Flaw::Overdraws, "the balance is -"),
        (Flaw::IsUnavailable, "it does not say when to come again"),
        (Flaw::Forgets, "at the end: "),
    ] {
        let (exit, wrong) = run(flaw).await;
        assert_eq!(exit, Exit::ClaimFailed, "{flaw:?}");
        assert!(wrong.contains(told), "{flaw:?}: {wrong}");
    }
}
