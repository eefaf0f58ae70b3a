//! Who a check can be: accounts made through the service's own routes, minted tokens, tokens of the environment.

use proofline_spec::document::{AccountStep, Balance, Credential, RouteKey};
use serde_json::Value;

use crate::exchange::{Answer, Request};
use crate::failure::Failure;
use crate::plan::JwtScheme;
use crate::run::Run;
use crate::token;
use crate::world::World;

/// Somebody that a check can be.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// What the steps call it.
    pub name: String,
    /// The id, where it is known.
    pub id: Option<String>,
    /// The e-mail address.
    pub email: String,
    /// The password.
    pub password: String,
    /// The token, without `Bearer`.
    pub token: String,
    /// The API key, once there is one.
    pub key: Option<String>,
    /// What the service answered at sign-up.
    pub profile: Value,
    /// Whether it was made by this scenario and is removed at its end.
    pub own: bool,
}

impl Account {
    /// The header of a request with the account's token.
    pub fn bearer(&self) -> (String, String) {
        ("Authorization".to_owned(), format!("Bearer {}", self.token))
    }
}

/// A number for the names of secrets, so that two accounts are told apart in evidence.
fn next_number() -> u32 {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// What `{email}` and its like stand for.
struct Filling<'a> {
    email: &'a str,
    password: &'a str,
    tier: &'a str,
    id: &'a str,
    amount: u64,
}

impl Filling<'_> {
    fn text(&self, text: &str) -> String {
        text.replace("{email}", self.email)
            .replace("{name}", "Acceptance Check")
            .replace("{password}", self.password)
            .replace("{tier}", self.tier)
            .replace("{id}", self.id)
    }

    fn value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) if text == "{amount}" => self.amount.into(),
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(members) => {
                members.iter().map(|(name, value)| (name.clone(), self.value(value))).collect()
            }
            other => other.clone(),
        }
    }

    fn request(&self, step: &AccountStep) -> Request {
        let mut request = Request::new(step.route.method.as_str(), self.text(&step.route.path));
        if !step.body.is_empty() {
            let body: Value =
                step.body.iter().map(|(name, v)| (name.clone(), self.value(v))).collect();
            request = request.json(&body);
        }
        request
    }
}

fn read(answer: &Answer, pointer: Option<&str>, what: &str) -> Result<String, Failure> {
    if !answer.is_success() {
        return Err(Failure::Broken(format!("{what} is refused: {}", answer.describe())));
    }
    let pointer = pointer.ok_or_else(|| {
        Failure::Broken(format!("the spec's `accounts` does not say where {what} is in the answer"))
    })?;
    answer.at(pointer).ok_or_else(|| {
        Failure::Broken(format!("there is no {what} at {pointer}: {}", answer.describe()))
    })
}

/// Somebody who has no account yet.
#[derive(Debug, Clone)]
pub struct Applicant {
    number: u32,
    email: String,
    password: String,
}

impl Applicant {
    /// Somebody whom nobody knows.
    pub fn new(run: &Run) -> Self {
        let number = next_number();
        let email = format!("check-{}@example.com", uuid::Uuid::new_v4().simple());
        let password = format!("Pw-{}", uuid::Uuid::new_v4().simple());
        run.know(&format!("PASSWORD_{number}"), &password);
        run.know(&format!("EMAIL_{number}"), &email);
        Self { number, email, password }
    }

    fn filling(&self) -> Filling<'_> {
        Filling { email: &self.email, password: &self.password, tier: "", id: "", amount: 0 }
    }

    /// The request for an account.
    pub fn request(&self, run: &Run) -> Result<Request, Failure> {
        let accounts = run.target.service.accounts.as_ref().ok_or_else(no_accounts)?;
        Ok(self.filling().request(&accounts.sign_up))
    }

    /// The account, once there is one; it has no token yet.
    pub fn account(&self, name: &str, profile: Value) -> Account {
        Account {
            name: name.to_owned(),
            id: None,
            email: self.email.clone(),
            password: self.password.clone(),
            token: String::new(),
            key: None,
            profile,
            own: true,
        }
    }
}

/// Signs somebody up and gives them a token.
pub async fn sign_up(world: &World, name: &str) -> Result<Account, Failure> {
    let run = world.run()?;
    let Some(accounts) = &run.target.service.accounts else {
        return of_environment(&run, name);
    };
    let applicant = Applicant::new(&run);
    let answer = world.send(applicant.request(&run)?).await?;
    let id = match accounts.sign_up.id.as_deref() {
        Some(pointer) => Some(read(&answer, Some(pointer), "the account's id")?),
        None => None,
    };
    if !answer.is_success() {
        return Err(Failure::Broken(format!("signing up is refused: {}", answer.describe())));
    }
    let mut account = Account { id, ..applicant.account(name, answer.json()) };
    account.token = match minted_for(&run, account.id.as_deref()) {
        Some(token) => token,
        None => log_in(world, &account).await?,
    };
    run.know(&format!("TOKEN_{}", applicant.number), &account.token);
    Ok(account)
}

/// A minted token saves the slow check of a password, where the signing secret is known.
fn minted_for(run: &Run, id: Option<&str>) -> Option<String> {
    // Where the token alone says who calls, only the service knows what it says besides the id.
    let scheme = run.target.jwt().filter(|scheme| scheme.is_looked_up)?;
    let key = run.target.secrets.get(&scheme.secret)?;
    Some(token::mint(&scheme, id?, key.as_bytes()))
}

/// The header of a session of an account that lasts some seconds.
pub fn session_of(run: &Run, account: &Account, seconds: u64) -> Result<(String, String), Failure> {
    session_at(run, account, seconds, token::now())
}

/// The same from that time on, in seconds since 1970.
pub fn session_at(
    run: &Run,
    account: &Account,
    seconds: u64,
    at: u64,
) -> Result<(String, String), Failure> {
    let scheme = run.target.jwt().ok_or_else(|| Failure::not_applicable("there are no tokens"))?;
    let key = run.target.secrets.get(&scheme.secret);
    let key = key.ok_or_else(|| Failure::broken("nobody can sign a token"))?;
    let subject = account.id.as_deref().ok_or_else(|| Failure::broken("the user has no id"))?;
    let short = JwtScheme { lifetime: seconds, ..scheme };
    let token = token::mint_at(&short, subject, key.as_bytes(), at);
    Ok(("Authorization".to_owned(), format!("Bearer {token}")))
}

/// Logs in through the service's own route.
pub async fn log_in(world: &World, account: &Account) -> Result<String, Failure> {
    let run = world.run()?;
    let accounts = run.target.service.accounts.as_ref().ok_or_else(no_accounts)?;
    let filling =
        Filling { email: &account.email, password: &account.password, tier: "", id: "", amount: 0 };
    let answer = world.send(filling.request(&accounts.log_in)).await?;
    let token = read(&answer, accounts.log_in.token.as_deref(), "the token")?;
    run.know(&format!("TOKEN_{}", next_number()), &token);
    Ok(token)
}

/// Gives an account that tier, as an administrator.
pub async fn set_tier(world: &World, account: &Account, tier: &str) -> Result<(), Failure> {
    let run = world.run()?;
    let accounts = run.target.service.accounts.as_ref().ok_or_else(no_accounts)?;
    let step = accounts
        .set_tier
        .as_ref()
        .ok_or_else(|| Failure::broken("the spec's `accounts` does not say how a tier is set"))?;
    let headers = admin(&run, &step.route)?;
    let id = account.id.as_deref().unwrap_or_default();
    let filling =
        Filling { email: &account.email, password: &account.password, tier, id, amount: 0 };
    let answer = world.send(filling.request(step).headers(&[headers])).await?;
    if answer.is_success() {
        return Ok(());
    }
    Err(Failure::Broken(format!("the tier cannot be set: {}", answer.describe())))
}

/// Gives an account so much of its balance, as an administrator.
pub async fn grant(
    world: &World,
    balance: &Balance,
    account: &Account,
    amount: u64,
) -> Result<(), Failure> {
    let answer = world.send(grant_request(&*world.run()?, balance, account, amount)?).await?;
    if answer.is_success() {
        return Ok(());
    }
    Err(Failure::Broken(format!("nothing can be granted: {}", answer.describe())))
}

/// So much is given to an account that is to afford what a check does: enough for many objects.
const ALLOWANCE: u64 = 1_000;

/// Gives an account something to spend, where the service charges; whether it does.
pub async fn provide(world: &World, account: &Account) -> Result<bool, Failure> {
    let run = world.run()?;
    let accounts = run.target.service.accounts.as_ref();
    let Some(balance) = accounts.and_then(|accounts| accounts.balance.as_ref()) else {
        return Ok(false);
    };
    grant(world, balance, account, ALLOWANCE).await?;
    Ok(true)
}

/// The request by which an administrator gives an account so much.
pub fn grant_request(
    run: &Run,
    balance: &Balance,
    account: &Account,
    amount: u64,
) -> Result<Request, Failure> {
    let headers = admin(run, &balance.grant.route)?;
    let id = account.id.as_deref().unwrap_or_default();
    let filling =
        Filling { email: &account.email, password: &account.password, tier: "", id, amount };
    Ok(filling.request(&balance.grant).headers(&[headers]))
}

/// The request by which an account spends one of its balance.
pub fn spend(balance: &Balance, account: &Account) -> Request {
    let id = account.id.as_deref().unwrap_or_default();
    let filling =
        Filling { email: &account.email, password: &account.password, tier: "", id, amount: 1 };
    filling.request(&balance.spend).headers(&[account.bearer()])
}

/// Makes an API key for an account.
pub async fn make_key(world: &World, account: &Account) -> Result<String, Failure> {
    let run = world.run()?;
    let accounts = run.target.service.accounts.as_ref().ok_or_else(no_accounts)?;
    let step = accounts.api_key.as_ref().ok_or_else(|| {
        Failure::broken("the spec's `accounts` does not say how an API key is made")
    })?;
    let filling =
        Filling { email: &account.email, password: &account.password, tier: "", id: "", amount: 0 };
    let answer = world.send(filling.request(step).headers(&[account.bearer()])).await?;
    let key = read(&answer, step.key.as_deref(), "the API key")?;
    run.know(&format!("API_KEY_{}", next_number()), &key);
    Ok(key)
}

/// Removes an account, as far as it can be.
pub async fn remove(world: &World, account: &Account) -> Result<(), Failure> {
    let run = world.run()?;
    let Some(step) =
        run.target.service.accounts.as_ref().and_then(|accounts| accounts.remove.as_ref())
    else {
        return Ok(());
    };
    let request = Request::new(step.route.method.as_str(), step.route.path.clone())
        .headers(&[account.bearer()])
        .expecting_limit();
    world.send(request).await.map(drop)
}

/// The header of somebody who may call that route because of their role.
pub fn admin(run: &Run, route: &RouteKey) -> Result<(String, String), Failure> {
    admin_at(run, route, token::now())
}

/// The same at that time, in seconds since 1970, where tokens can be minted.
pub fn admin_at(run: &Run, route: &RouteKey, at: u64) -> Result<(String, String), Failure> {
    let roles =
        run.target.route(route).and_then(|route| route.roles.as_deref()).unwrap_or_default();
    roles.iter().find_map(|role| of_role_at(run, role, at)).ok_or_else(|| {
        Failure::broken(format!("the environment has no credential for {}", roles.join(" or ")))
    })
}

/// The header of who may call that route: of somebody of its role where it asks for one, else of this account.
pub fn caller(run: &Run, key: &RouteKey, account: &Account) -> Result<(String, String), Failure> {
    match run.target.route(key).and_then(|route| route.roles.as_ref()) {
        Some(_) => admin(run, key),
        None => Ok(account.bearer()),
    }
}

/// The header of somebody of that role, from the environment's credentials.
pub fn of_role(run: &Run, role: &str) -> Option<(String, String)> {
    of_role_at(run, role, token::now())
}

/// The same of somebody whose token is minted for that time, in seconds since 1970.
fn of_role_at(run: &Run, role: &str, at: u64) -> Option<(String, String)> {
    let token = match run.target.environment.credentials.get(role)? {
        Credential::Env(_) => run.target.tokens.get(role)?.clone(),
        Credential::Mint(minted) => {
            let scheme = run.target.jwt().filter(|scheme| scheme.name == minted.scheme)?;
            let key = run.target.secrets.get(&scheme.secret)?;
            token::mint_as(&scheme, &minted.subject, role, key.as_bytes(), at)
        }
    };
    run.know(&format!("TOKEN_OF_{}", role.to_uppercase()), &token);
    Some(("Authorization".to_owned(), format!("Bearer {token}")))
}

/// For services without accounts: the environment's credentials, in their order; the first one is the `user`.
fn of_environment(run: &Run, name: &str) -> Result<Account, Failure> {
    let at = usize::from(name != "user");
    let credential = run.target.environment.credentials.get_index(at);
    let (role, token) = credential
        .and_then(|(role, _)| Some((role.clone(), of_role(run, role)?.1)))
        .ok_or_else(|| {
            Failure::broken(format!(
                "the spec has no `accounts`, and the environment no credential for the {name}"
            ))
        })?;
    Ok(Account {
        name: name.to_owned(),
        id: None,
        email: String::new(),
        password: String::new(),
        token: token.trim_start_matches("Bearer ").to_owned(),
        key: None,
        profile: serde_json::json!({ "role": role }),
        own: false,
    })
}

fn no_accounts() -> Failure {
    Failure::broken("the spec has no `accounts`")
}
