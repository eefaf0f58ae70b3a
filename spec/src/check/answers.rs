//! Answers of routes: what an operation can answer is declared, and what is declared can be answered.

use super::at::At;
use super::context::{Context, Kind};
use crate::diagnostic::{Diagnostic, codes};
use crate::document::{
    Answer, Binding, Condition, Enqueue, Expectation, Operation, Query, Route, Upload,
};

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let routes = At::root("routes");
    for (text, _, route) in context.routes() {
        let at = routes.key(text.as_str());
        let mut answers = Answers { context, route, at: &at, found };
        answers.statuses();
        if context.is_broken(&at) {
            continue;
        }
        answers.success();
        answers.problems();
    }
}

/// Statuses of answers that the policies give by themselves.
const IMPLIED: [&str; 11] =
    ["400", "401", "403", "405", "408", "413", "415", "422", "429", "500", "503"];

/// A problem that an operation can end in.
struct Possible<'a> {
    problem: &'a str,
    /// Where it comes from, for people.
    why: String,
}

struct Answers<'c, 'a> {
    context: &'c Context<'a>,
    route: &'a Route,
    at: &'c At<'c>,
    found: &'c mut Vec<Diagnostic>,
}

impl<'a> Answers<'_, 'a> {
    /// Each status is a number that fits its content.
    fn statuses(&mut self) {
        let returns = self.at.key("returns");
        for (text, answer) in &self.route.returns {
            let at = returns.key(text);
            let status =
                text.parse::<u16>().ok().filter(|s| (200..600).contains(s) && text.len() == 3);
            let Some(status) = status else {
                self.found.push(
                    self.context
                        .at_key(
                            codes::STATUS,
                            &at,
                            format!("`{text}` is not a status of an answer"),
                        )
                        .because("statuses are numbers from 200 to 599 (RFC 9110)")
                        .fix("write a status such as `200`, `201`, `204` or `404`"),
                );
                continue;
            };
            self.content(status, answer, &at);
        }
    }

    fn content(&mut self, status: u16, answer: &Answer, at: &At<'_>) {
        let wrong = match (status, answer) {
            (200..=299, Answer::Problem(_)) => {
                Some(("a successful answer is not a problem", "use the problem's own status"))
            }
            (204 | 205, Answer::One(_) | Answer::List(_) | Answer::File) => {
                Some(("an answer with this status has no content", "write `none`, or use 200"))
            }
            (400..=599, Answer::One(_) | Answer::List(_) | Answer::File | Answer::None) => Some((
                "an answer with an error's status must be a problem",
                "write `{problem: <name>}` and define it under `problems`",
            )),
            _ => None,
        };
        if let Some((message, fix)) = wrong {
            self.found.push(
                self.context
                    .at_value(codes::ANSWER_CONTENT, at, format!("{status}: {message}"))
                    .because("errors are problem documents (RFC 9457); 204 and 205 have no content")
                    .fix(fix),
            );
        }
        if let Answer::Problem(name) = answer
            && let Some(problem) = self.context.service.problems.get(name)
            && problem.status != status
        {
            let problems = At::root("problems");
            let problem_at = problems.key(name);
            self.found.push(
                self.context
                    .at_key(
                        codes::PROBLEM_STATUS,
                        at,
                        format!(
                            "the problem `{name}` has the status {}, not {status}",
                            problem.status
                        ),
                    )
                    .because("a problem has one status wherever it is answered")
                    .fix(format!("write `{}: {{problem: {name}}}`", problem.status))
                    .label(self.context.value(&problem_at.key("status")), "its status"),
            );
        }
    }

    /// There is exactly one success, and it has what the operation gives.
    fn success(&mut self) {
        let successes: Vec<(&String, &Answer)> =
            self.route.returns.iter().filter(|(status, _)| status.starts_with('2')).collect();
        let returns = self.at.key("returns");
        match successes.as_slice() {
            // Some answer by themselves, others switch protocols.
            [] if matches!(
                self.route.op,
                Operation::Health(_) | Operation::Lti(_) | Operation::Room(_)
            ) => {}
            [] => self.found.push(
                self.context
                    .at_key(codes::SUCCESS, self.at, "the route has no successful answer")
                    .because("each route answers with exactly one status from 200 to 299 when all goes well")
                    .fix(format!("add {} to `returns`", self.natural())),
            ),
            [(status, answer)] => self.fits(status, answer, &returns.key(status.as_str())),
            [(first, _), (second, _), ..] => self.found.push(
                self.context
                    .at_key(
                        codes::SUCCESS,
                        &returns.key(second.as_str()),
                        "the route has a second successful answer",
                    )
                    .because("each route answers with exactly one status from 200 to 299 when all goes well")
                    .fix("keep one of them")
                    .label(self.context.key(&returns.key(first.as_str())), "the first one"),
            ),
        }
    }

    /// The answer that the operation gives by itself.
    fn natural(&self) -> String {
        match self.answering_query() {
            Some(Query { returns: Some(schema), expect: Expectation::Many, .. }) => {
                format!("`200: {{list: {schema}}}`")
            }
            Some(Query { returns: Some(schema), .. }) => format!("`200: {schema}`"),
            _ => "one such as `204: none`".to_owned(),
        }
    }

    /// The query whose rows are the answer.
    fn answering_query(&self) -> Option<&'a Query> {
        match &self.route.op {
            Operation::Query(run) => self.context.query(&run.run).filter(|q| q.returns.is_some()),
            Operation::Search(search) => {
                self.context.query(&search.run).filter(|query| query.returns.is_some())
            }
            Operation::Transaction(transaction)
            | Operation::Upload(Upload { record: transaction, .. }) => {
                let queries = transaction.steps.iter().rev();
                queries.filter_map(|s| self.context.query(&s.query)).find(|q| q.returns.is_some())
            }
            _ => None,
        }
    }

    /// Whether the operation runs a query that does not exist, or that loading refused.
    fn runs_unknown_query(&self) -> bool {
        let is_unknown = |name: &str| self.context.query(name).is_none();
        match &self.route.op {
            Operation::Query(run) => is_unknown(&run.run),
            Operation::Search(search) => is_unknown(&search.run),
            Operation::Download(download) => is_unknown(&download.run),
            Operation::Room(enter) => is_unknown(&enter.run),
            Operation::Transaction(transaction)
            | Operation::Upload(Upload { record: transaction, .. }) => {
                transaction.steps.iter().any(|step| is_unknown(&step.query))
            }
            _ => false,
        }
    }

    /// The success has the content that the operation gives.
    fn fits(&mut self, status: &str, answer: &Answer, at: &At<'_>) {
        match &self.route.op {
            Operation::Login(_) => self.fits_login(status, answer, at),
            Operation::Enqueue(enqueue) => self.fits_message(enqueue, answer, at),
            _ => {}
        }
        let reads = matches!(self.route.op, Operation::Query(_) | Operation::Search(_));
        if !reads && self.route.op.transaction().is_none() {
            return;
        }
        let answering = self.answering_query();
        let message = match (answering, answer) {
            (_, Answer::None | Answer::File | Answer::Problem(_)) => return,
            (None, _) if self.runs_unknown_query() => return,
            (None, Answer::One(schema) | Answer::List(schema)) => {
                format!("nothing gives the `{schema}` of this answer")
            }
            (Some(query), Answer::One(schema)) if query.expect == Expectation::Many => {
                format!("the query gives a list, and the answer is one `{schema}`")
            }
            (Some(query), Answer::List(schema)) if query.expect != Expectation::Many => {
                format!("the query gives one row, and the answer is a list of `{schema}`")
            }
            (Some(query), Answer::One(schema) | Answer::List(schema)) => {
                let given = query.returns.as_deref().unwrap_or_default();
                if given == schema {
                    return self.optional(query, at);
                }
                format!("the query gives `{given}`, and the answer is `{schema}`")
            }
        };
        let diagnostic = self.context.at_value(codes::ANSWER_CONTENT, at, message).because(
            "the answer of a query or a transaction is the row of its last query with `returns`",
        );
        self.found.push(match answering {
            Some(_) => diagnostic.fix(format!("write {}", self.natural())),
            None => diagnostic.fix("write `204: none`, or add `returns` to the query"),
        });
    }

    /// A login answers 200 with the token.
    fn fits_login(&mut self, status: &str, answer: &Answer, at: &At<'_>) {
        const MEMBERS: [&str; 3] = ["token", "token_type", "expires_in"];
        let schema = match answer {
            Answer::One(name) => self.context.schema(name),
            _ => None,
        };
        let has_members = schema.is_none_or(|schema| {
            schema.properties.len() == MEMBERS.len()
                && MEMBERS.iter().all(|member| schema.properties.contains_key(*member))
        });
        if status == "200" && matches!(answer, Answer::One(_)) && has_members {
            return;
        }
        self.found.push(
            self.context
                .at_value(codes::ANSWER_CONTENT, at, "a login answers something else")
                .because("it answers 200 with `token`, `token_type` and `expires_in` (RFC 6750)")
                .fix("write `200: <schema>` with an object of exactly these three members"),
        );
    }

    /// A queued message is answered by members of it.
    fn fits_message(&mut self, enqueue: &Enqueue, answer: &Answer, at: &At<'_>) {
        let binding = self.context.service.bindings.get(&enqueue.queue);
        let Some(Binding::Queue { message, .. }) = binding else { return };
        let Some(sent) = self.context.schema(message) else { return };
        let name = match answer {
            Answer::One(name) | Answer::List(name) => name,
            Answer::None | Answer::File | Answer::Problem(_) => return,
        };
        let Some(schema) = self.context.schema(name) else { return };
        let missing =
            schema.properties.keys().find(|member| !sent.properties.contains_key(*member));
        let message = match (answer, missing) {
            (Answer::List(_), _) => "one message is answered, not a list".to_owned(),
            (_, Some(member)) => {
                format!("the message has no `{member}`, which the answer `{name}` has")
            }
            _ => return,
        };
        self.found.push(
            self.context
                .at_value(codes::ANSWER_CONTENT, at, message)
                .because("the answer is made of members of the message")
                .fix("answer a schema with members of the message, or `202: none`"),
        );
    }

    fn optional(&mut self, query: &Query, at: &At<'_>) {
        if query.expect != Expectation::Optional {
            return;
        }
        self.found.push(
            self.context
                .at_value(
                    codes::ANSWER_CONTENT,
                    at,
                    "the query may give no row, and then there is no answer",
                )
                .because("`expect: optional` allows that there is no row")
                .fix("write `expect: one` with `otherwise: <problem>` in the query"),
        );
    }

    /// Every problem that can happen is declared, and the other way round.
    fn problems(&mut self) {
        let possible = self.possible();
        let returns = self.at.key("returns");
        let declared: Vec<(&String, &String)> = self
            .route
            .returns
            .iter()
            .filter_map(|(status, answer)| match answer {
                Answer::Problem(name) => Some((status, name)),
                _ => None,
            })
            .collect();
        let mut missing: Vec<&str> = Vec::new();
        for Possible { problem, why } in &possible {
            let is_declared = declared.iter().any(|(_, name)| name == problem);
            if is_declared || missing.contains(problem) || !self.context.has(Kind::Problem, problem)
            {
                continue;
            }
            missing.push(problem);
            let status = self.context.service.problems.get(*problem).map_or(0, |p| p.status);
            let taken = declared.iter().find(|(text, _)| text.parse() == Ok(status));
            let diagnostic = self
                .context
                .at_key(
                    codes::ANSWER_MISSING,
                    if self.route.returns.is_empty() { self.at } else { &returns },
                    format!("the route can answer `{problem}`, and does not declare it"),
                )
                .because(why.clone());
            self.found.push(match taken {
                Some((_, other)) => diagnostic.fix(format!(
                    "status {status} is taken by `{other}`; use one problem for both"
                )),
                None => diagnostic.fix(format!("add `{status}: {{problem: {problem}}}`")),
            });
        }
        if matches!(self.route.op, Operation::Custom(_)) || self.runs_unknown_query() {
            return;
        }
        for (status, name) in declared {
            if possible.iter().any(|possible| possible.problem == name)
                || !self.context.has(Kind::Problem, name)
            {
                continue;
            }
            self.found.push(
                self.context
                    .at_value(
                        codes::ANSWER_NEVER,
                        &returns.key(status.as_str()),
                        format!("nothing in the route can end in `{name}`"),
                    )
                    .because(if IMPLIED.contains(&status.as_str()) {
                        "such answers come from the policies by themselves and are not declared"
                    } else {
                        "no query of the route names it in `otherwise` or `on_conflict`"
                    })
                    .fix("remove it, or name it in the query that it is about"),
            );
        }
    }

    fn possible(&self) -> Vec<Possible<'a>> {
        let mut possible = Vec::new();
        if let Some(owner) = &self.route.owner {
            let why = "`owner` ends in it when the object is somebody else's".to_owned();
            possible.push(Possible { problem: &owner.otherwise, why });
        }
        if let Some(condition) = &self.route.when
            && condition.otherwise != Condition::NOT_FOUND
        {
            let why = format!("`when` ends in it where `{}` is off", condition.flag);
            possible.push(Possible { problem: &condition.otherwise, why });
        }
        match &self.route.op {
            Operation::Query(run) => self.of_query(&run.run, &mut possible),
            Operation::Search(search) => self.of_query(&search.run, &mut possible),
            Operation::Download(download) => self.of_query(&download.run, &mut possible),
            Operation::Room(enter) => self.of_query(&enter.run, &mut possible),
            Operation::Transaction(transaction)
            | Operation::Upload(Upload { record: transaction, .. }) => {
                for step in &transaction.steps {
                    self.of_query(&step.query, &mut possible);
                }
            }
            Operation::Login(login) => {
                let why = "the login ends in it when the password is wrong".to_owned();
                possible.push(Possible { problem: &login.otherwise, why });
            }
            Operation::Replay(replay) => {
                let missing = "the replay ends in it when there is no such dead letter".to_owned();
                possible.push(Possible { problem: &replay.otherwise, why: missing });
                let before = "the replay ends in it when it was done before".to_owned();
                possible.push(Possible { problem: &replay.replayed, why: before });
            }
            Operation::Health(_)
            | Operation::Enqueue(_)
            | Operation::Flags(_)
            | Operation::Switches(_)
            | Operation::Lti(_)
            | Operation::Asset(_)
            | Operation::DeadLetters(_)
            | Operation::Resume(_)
            | Operation::Custom(_) => {}
        }
        possible
    }

    fn of_query(&self, name: &str, possible: &mut Vec<Possible<'a>>) {
        let Some(query) = self.context.query(name) else { return };
        for (problem, key) in [(&query.otherwise, "otherwise"), (&query.on_conflict, "on_conflict")]
        {
            if let Some(problem) = problem {
                let why = format!("the query `{name}` names it in `{key}`");
                possible.push(Possible { problem, why });
            }
        }
    }
}
