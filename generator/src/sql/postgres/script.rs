//! Splits a migration into its statements.

use sqlparser::ast::Statement;
use sqlparser::dialect::SQLiteDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, Word};

use super::refusal::{Refusal, Said};

/// A statement of a migration.
pub(super) enum Part {
    /// One that the parser understands.
    Statement(Box<Statement>),
    /// `create virtual table NAME using MODULE (ARGUMENTS)`.
    VirtualTable { name: String, module: String, arguments: Vec<String> },
}

/// The only statement of a query.
pub(super) fn one(sql: &str) -> Said<Statement> {
    let tokens = tokens(sql)?;
    parse(tokens)
}

/// Every statement of a migration, in order.
pub(super) fn split(sql: &str) -> Said<Vec<Part>> {
    let mut parts = Vec::new();
    let mut current: Vec<TokenWithSpan> = Vec::new();
    let mut depth = 0_usize;
    for token in tokens(sql)? {
        match &token.token {
            Token::SemiColon if depth == 0 => {
                parts.extend(part(std::mem::take(&mut current))?);
                continue;
            }
            Token::Word(word) if word.quote_style.is_none() => match word.keyword {
                Keyword::BEGIN if is_trigger(&current) => depth += 1,
                Keyword::CASE if depth > 0 => depth += 1,
                Keyword::END if depth > 0 => depth -= 1,
                _ => {}
            },
            _ => {}
        }
        current.push(token);
    }
    parts.extend(part(current)?);
    Ok(parts)
}

fn tokens(sql: &str) -> Said<Vec<TokenWithSpan>> {
    let tokens = Tokenizer::new(&SQLiteDialect {}, sql).tokenize_with_location();
    tokens.map_err(|error| {
        Refusal::new(format!("a part that cannot be read: {error}")).at(error.location)
    })
}

fn words(tokens: &[TokenWithSpan]) -> Vec<&Token> {
    let tokens = tokens.iter().map(|token| &token.token);
    tokens.filter(|token| !matches!(token, Token::Whitespace(_))).collect()
}

fn is_word(token: Option<&&Token>, wanted: &str) -> bool {
    matches!(token, Some(Token::Word(word)) if word.value.eq_ignore_ascii_case(wanted))
}

fn is_trigger(tokens: &[TokenWithSpan]) -> bool {
    let words = words(tokens);
    is_word(words.first(), "create")
        && words.iter().take(3).any(|word| is_word(Some(word), "trigger"))
}

fn part(tokens: Vec<TokenWithSpan>) -> Said<Option<Part>> {
    let words = words(&tokens);
    if words.iter().all(|token| **token == Token::EOF) {
        return Ok(None);
    }
    let start = tokens.iter().find(|token| !matches!(token.token, Token::Whitespace(_)));
    let start = start.map(|token| token.span.start);
    if is_word(words.first(), "create") && is_word(words.get(1), "virtual") {
        let found = virtual_table(&words);
        return found
            .map(Some)
            .map_err(|refusal| start.map_or(refusal.clone(), |at| refusal.at(at)));
    }
    Ok(Some(Part::Statement(Box::new(parse(tokens)?))))
}

fn parse(tokens: Vec<TokenWithSpan>) -> Said<Statement> {
    let start = tokens.iter().find(|token| !matches!(token.token, Token::Whitespace(_)));
    let start = start.map(|token| token.span.start);
    let mut parser = Parser::new(&SQLiteDialect {}).with_tokens_with_locations(tokens);
    let statement = parser.parse_statement().and_then(|statement| {
        while parser.consume_token(&Token::SemiColon) {}
        let next = parser.peek_token();
        if next.token == Token::EOF {
            Ok(statement)
        } else {
            parser.expected("the end of the statement", next)
        }
    });
    statement.map_err(|error| {
        let error = error.to_string();
        let text = error.strip_prefix("sql parser error: ").unwrap_or(&error);
        let refusal = Refusal::new(format!("a statement that cannot be read ({text})"));
        start.map_or(refusal.clone(), |at| refusal.at(at))
    })
}

/// What stands in the parentheses is the module's own language.
fn virtual_table(words: &[&Token]) -> Said<Part> {
    let mut words = words.iter().skip(3).peekable();
    let malformed = || Refusal::new("this virtual table");
    let mut text = || match words.next() {
        Some(Token::Word(Word { value, .. })) => Ok(value.to_lowercase()),
        _ => Err(malformed()),
    };
    let mut name = text()?;
    if name == "if" {
        text()?;
        text()?;
        name = text()?;
    }
    text()?;
    let module = text()?;
    let mut arguments = vec![String::new()];
    for word in words.skip(1) {
        match word {
            Token::Comma => arguments.push(String::new()),
            Token::RParen | Token::EOF | Token::SemiColon => break,
            other => {
                if let Some(last) = arguments.last_mut() {
                    last.push_str(&format!("{}{other}", if last.is_empty() { "" } else { " " }));
                }
            }
        }
    }
    Ok(Part::VirtualTable { name, module, arguments })
}
