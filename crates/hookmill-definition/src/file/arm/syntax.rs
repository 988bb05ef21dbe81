//! The expressions of deployment templates: calls with arguments, and what is taken out of their results.

use hookmill_model::Str;

/// Calls may nest this deep.
const DEPTH_MAX: usize = 64;

#[derive(Debug, PartialEq)]
pub(super) enum Node {
    Text(Str),
    Number(i64),
    Call { name: String, arguments: Vec<Node>, steps: Vec<Step> },
}

#[derive(Debug, PartialEq)]
pub(super) enum Step {
    Member(Str),
    Index(Node),
}

/// Reads the text between the brackets; `None` where it is no expression.
pub(super) fn parse(text: &str) -> Option<Node> {
    let mut reader = Reader { text, at: 0 };
    let node = reader.node(0)?;
    reader.blanks();
    (reader.at == text.len()).then_some(node)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn eat(&mut self, sign: char) -> Option<()> {
        self.blanks();
        self.rest().starts_with(sign).then(|| self.at += sign.len_utf8())
    }

    fn word(&mut self) -> Option<String> {
        self.blanks();
        let rest = self.rest();
        let end = rest.find(|sign: char| !(sign.is_alphanumeric() || "_$-".contains(sign))).unwrap_or(rest.len());
        let word = rest[..end].to_owned();
        self.at += end;
        (!word.is_empty()).then_some(word)
    }

    /// A text in quotes; a quote inside is doubled.
    fn quoted(&mut self) -> Option<Str> {
        self.eat('\'')?;
        let mut made = String::new();
        loop {
            let end = self.rest().find('\'')?;
            made.push_str(&self.rest()[..end]);
            self.at += end + 1;
            if !self.rest().starts_with('\'') {
                return Some(made.into());
            }
            made.push('\'');
            self.at += 1;
        }
    }

    fn node(&mut self, depth: usize) -> Option<Node> {
        if depth > DEPTH_MAX {
            return None;
        }
        self.blanks();
        if self.rest().starts_with('\'') {
            return self.quoted().map(Node::Text);
        }
        let mut name = self.word()?;
        if let Ok(number) = name.parse() {
            return Some(Node::Number(number));
        }
        // Functions of the template itself are called by namespace and name.
        while self.rest().starts_with('.') {
            self.at += 1;
            name.push('.');
            name.push_str(&self.word()?);
        }
        self.eat('(')?;
        let mut arguments = Vec::new();
        if self.eat(')').is_none() {
            loop {
                arguments.push(self.node(depth + 1)?);
                if self.eat(')').is_some() {
                    break;
                }
                self.eat(',')?;
            }
        }
        let mut steps = Vec::new();
        loop {
            if self.eat('.').is_some() {
                steps.push(Step::Member(self.word()?.into()));
            } else if self.eat('[').is_some() {
                steps.push(Step::Index(self.node(depth + 1)?));
                self.eat(']')?;
            } else {
                return Some(Node::Call { name, arguments, steps });
            }
        }
    }
}
