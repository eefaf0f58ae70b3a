//! YAML text to a tree of nodes. Bounded in depth and in size, and never recursive.

use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::node::{Entry, FileId, Mapping, Node, NodeId, Value};
use super::scalar;
use super::source::SourceFile;
use super::syntax::{self, SyntaxError};
use crate::diagnostic::{Code, Diagnostic, codes};

/// Levels of lists and mappings in each other.
const DEEPEST: usize = 64;
/// Values in one document, those repeated by aliases counted each time.
const MOST_NODES: usize = 500_000;

/// After so many problems of a file, further ones are not worth their memory.
const MOST_PROBLEMS: usize = 200;

/// Reads the first document of `text`, which is the file's or the same with parts blanked.
/// There is no tree when it has no document, or not one of bounded size.
pub(super) fn parse(
    source: &SourceFile,
    text: &str,
    file: FileId,
    first_id: NodeId,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<Option<Node>, Box<SyntaxError>> {
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: DEEPEST,
        block_nesting_limit: DEEPEST,
        simple_key_max_lookahead: 4096,
    };
    let mut builder = Builder {
        source,
        file,
        next_id: first_id,
        limit: first_id + MOST_NODES,
        open: Vec::new(),
        anchors: HashMap::new(),
        anchored: 0,
        documents: 0,
        root: None,
        diagnostics,
    };
    for event in Parser::new_from_str_with_options(text, options) {
        let go_on = match event {
            Ok((event, span)) => builder.event(event, &span),
            Err(error) => return Err(Box::new(syntax::explain(source, text, &error, DEEPEST))),
        };
        if !go_on {
            return Ok(builder.root.filter(|_| builder.documents > 1));
        }
    }
    if builder.root.is_none() {
        builder.diagnostics.push(empty(source));
    }
    Ok(builder.root)
}

/// A value that an alias can repeat.
struct Anchored {
    node: Node,
    nodes: usize,
    levels: usize,
}

impl Anchored {
    fn new(node: &Node) -> Self {
        let (mut nodes, mut levels) = (0, 0);
        let mut open = vec![(node, 1)];
        while let Some((node, level)) = open.pop() {
            nodes += 1;
            levels = levels.max(level);
            match &node.value {
                Value::List(items) => open.extend(items.iter().map(|item| (item, level + 1))),
                Value::Mapping(mapping) => {
                    open.extend(mapping.entries().iter().map(|e| (&e.node, level + 1)));
                }
                _ => {}
            }
        }
        Self { node: node.clone(), nodes, levels }
    }
}

struct Builder<'a> {
    source: &'a SourceFile,
    file: FileId,
    next_id: NodeId,
    limit: NodeId,
    open: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    anchored: usize,
    documents: usize,
    root: Option<Node>,
    diagnostics: &'a mut Vec<Diagnostic>,
}

/// A list or a mapping whose end has not come yet.
struct Open {
    start: usize,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Mapping(Mapping, Pending),
}

/// What a mapping waits for.
enum Pending {
    Key,
    Value(String, Range<usize>),
    /// The value of a key that was refused.
    Dropped,
}

impl Builder<'_> {
    /// Takes in one event; `false` ends the reading.
    fn event(&mut self, event: Event<'_>, span: &Span) -> bool {
        let bytes = span.byte_range().unwrap_or(0..0);
        let tagged = span.tag_span().and_then(|tag| tag.byte_range()).unwrap_or(bytes.clone());
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.report(
                        codes::SEVERAL_DOCUMENTS,
                        bytes,
                        "the file holds more than one document",
                        "remove the `---`, or move what follows into a file of its own",
                    );
                    return false;
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let value = self.scalar(&text, style, tag.as_deref(), &tagged);
                return self.place(value, bytes, anchor, Some(&text));
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), &tagged);
                let content = Content::List(Vec::new());
                self.open.push(Open { start: bytes.start, anchor, content });
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), &tagged);
                let content = Content::Mapping(Mapping::default(), Pending::Key);
                self.open.push(Open { start: bytes.start, anchor, content });
            }
            Event::SequenceEnd | Event::MappingEnd => return self.close(bytes.end),
            Event::Alias(anchor) => return self.alias(anchor, bytes),
            _ => {}
        }
        true
    }

    fn close(&mut self, end: usize) -> bool {
        let Some(Open { start, anchor, content }) = self.open.pop() else { return true };
        let value = match content {
            Content::List(items) => Value::List(items),
            Content::Mapping(mapping, _) => Value::Mapping(mapping),
        };
        self.place(value, start..end.max(start), anchor, None)
    }

    /// Puts a finished value where it belongs. `key` is its text if it may be a key.
    fn place(
        &mut self,
        value: Value,
        span: Range<usize>,
        anchor: usize,
        key: Option<&str>,
    ) -> bool {
        if self.next_id >= self.limit {
            return self.too_many_nodes(span);
        }
        let node = Node { id: self.next_id, file: self.file, span, value };
        self.next_id += 1;
        if anchor > 0 {
            let anchored = Anchored::new(&node);
            self.anchored += anchored.nodes;
            if self.anchored > MOST_NODES {
                return self.too_many_nodes(node.span);
            }
            self.anchors.insert(anchor, anchored);
        }
        self.put(node, key);
        true
    }

    fn put(&mut self, node: Node, key: Option<&str>) {
        let Some(Open { content, .. }) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        match content {
            Content::List(items) => items.push(node),
            Content::Mapping(mapping, pending) => match std::mem::replace(pending, Pending::Key) {
                Pending::Key => {
                    if let Some(text) = key {
                        *pending = Pending::Value(text.to_owned(), node.span);
                    } else {
                        *pending = Pending::Dropped;
                        self.report(
                            codes::KEY_NOT_TEXT,
                            node.span,
                            "a key must be text",
                            "put the key in quotes",
                        );
                    }
                }
                Pending::Dropped => {}
                Pending::Value(key, key_span) => {
                    let entry = Entry { key, file: self.file, key_span: key_span.clone(), node };
                    let key = entry.key.clone();
                    let first = mapping.insert(entry).err().map(|first| first.key_span.clone());
                    if let Some(first) = first {
                        self.duplicate(&key, key_span, first);
                    }
                }
            },
        }
    }

    fn alias(&mut self, anchor: usize, span: Range<usize>) -> bool {
        let Some(Anchored { node, nodes, levels }) = self.anchors.get(&anchor) else {
            self.report(
                codes::SYNTAX,
                span,
                "an alias stands inside what it repeats",
                "write the value out",
            );
            return true;
        };
        if self.next_id + nodes > self.limit {
            return self.too_many_nodes(span);
        }
        if self.open.len() + levels > 2 * DEEPEST {
            self.report(
                codes::TOO_DEEP,
                span,
                "aliases nest the document too deeply",
                "write the value out",
            );
            return false;
        }
        let mut copy = node.clone();
        self.number(&mut copy);
        self.put(copy, None);
        true
    }

    /// Gives the nodes of a copy numbers of their own.
    fn number(&mut self, node: &mut Node) {
        node.id = self.next_id;
        self.next_id += 1;
        match &mut node.value {
            Value::List(items) => items.iter_mut().for_each(|item| self.number(item)),
            Value::Mapping(mapping) => mapping.nodes_mut().for_each(|node| self.number(node)),
            _ => {}
        }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: &Range<usize>,
    ) -> Value {
        let is_text = tag.is_some_and(|tag| tag.core_suffix() == Some("str"));
        if !is_text {
            self.refuse_tag(tag, span);
        }
        match style {
            ScalarStyle::Plain if !is_text => scalar::plain(text),
            _ => Value::Text(text.to_owned()),
        }
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, span: &Range<usize>) {
        if tag.is_some_and(|tag| tag.core_suffix().is_none()) {
            self.report(
                codes::TAG,
                span.clone(),
                "a tag means nothing in a spec",
                "remove the tag",
            );
        }
    }

    fn duplicate(&mut self, key: &str, span: Range<usize>, first: Range<usize>) {
        if self.diagnostics.len() >= MOST_PROBLEMS {
            return;
        }
        let problem = Diagnostic::new(
            codes::DUPLICATE_KEY,
            self.source.location(span),
            format!("the key `{key}` is given twice"),
        )
        .because("only the first one is considered in what follows")
        .fix("remove one of the two, or rename it")
        .label(self.source.location(first), "first given here");
        self.diagnostics.push(problem);
    }

    fn too_many_nodes(&mut self, span: Range<usize>) -> bool {
        self.report(
            codes::TOO_MANY_NODES,
            span,
            "the document has too many values",
            "write out what aliases repeat, or split the document into files",
        );
        false
    }

    fn report(&mut self, code: Code, span: Range<usize>, message: &str, fix: &str) {
        if self.diagnostics.len() >= MOST_PROBLEMS {
            return;
        }
        let problem = Diagnostic::new(code, self.source.location(span), message).fix(fix);
        self.diagnostics.push(problem);
    }
}

fn empty(source: &SourceFile) -> Diagnostic {
    Diagnostic::new(codes::EMPTY, source.location(0..0), "the file is empty")
        .because("a spec has at least the keys `proofline`, `service` and `targets`")
        .fix("begin with `proofline: v1`")
}
