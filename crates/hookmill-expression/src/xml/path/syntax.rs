//! The grammar of XPath 1.0.

use super::function::{self, Function};

/// Parentheses and predicates may nest this deep.
const DEPTH_MAX: usize = 100;

/// An expression. Chains of operators are flat, so that long ones do not nest.
#[derive(Debug)]
pub(super) enum Expression {
    Chain(Box<Expression>, Vec<(Operator, Expression)>),
    Negated(Box<Expression>),
    Union(Vec<Expression>),
    Path { absolute: bool, steps: Vec<Step> },
    Filter { base: Box<Expression>, predicates: Vec<Expression>, steps: Vec<Step> },
    Literal(String),
    Number(f64),
    Call(&'static Function, Vec<Expression>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Plus,
    Minus,
    Times,
    Divide,
    Modulo,
}

#[derive(Debug)]
pub(super) struct Step {
    pub axis: Axis,
    pub test: Test,
    pub predicates: Vec<Expression>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    Ancestor,
    AncestorOrSelf,
    Attribute,
    Child,
    Descendant,
    DescendantOrSelf,
    Following,
    FollowingSibling,
    Namespace,
    Parent,
    Preceding,
    PrecedingSibling,
    Itself,
}

/// What a step selects of its axis.
#[derive(Debug)]
pub(super) enum Test {
    Node,
    Text,
    Comment,
    Instruction(Option<String>),
    /// `*`
    Any,
    /// A name without a prefix.
    Name(String),
    /// A name with the one prefix that needs no binding, `xml`.
    Xml(String),
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Sign(&'static str),
    Operator(Operator),
    /// A name, perhaps with a prefix, or `*` behind the prefix.
    Name(String),
    Any,
    Literal(String),
    Number(f64),
}

type Result<T> = std::result::Result<T, String>;

/// Reads a whole expression.
pub(super) fn parse(text: &str) -> Result<Expression> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    let expression = parser.expression()?;
    match parser.peek() {
        None => Ok(expression),
        Some(_) => Err("something follows behind its end".to_owned()),
    }
}

fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '\u{b7}')
}

fn tokens(text: &str) -> Result<Vec<Token>> {
    const SIGNS: [&str; 14] = ["::", "..", "//", "(", ")", "[", "]", ".", "@", ",", "/", "|", "$", ":"];
    const OPERATORS: [(&str, Operator); 8] = [
        ("!=", Operator::NotEqual),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("=", Operator::Equal),
        ("<", Operator::Less),
        (">", Operator::Greater),
        ("+", Operator::Plus),
        ("-", Operator::Minus),
    ];
    let mut tokens: Vec<Token> = Vec::new();
    let mut rest = text.trim_start();
    while let Some(c) = rest.chars().next() {
        // Behind something complete, `*` and some names are operators.
        let behind_operand = !matches!(
            tokens.last(),
            None | Some(Token::Operator(_) | Token::Sign("::" | "//" | "(" | "[" | "@" | "," | "/" | "|" | "$"))
        );
        let length;
        let token = if c.is_ascii_digit() || (c == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit())) {
            let whole = rest.bytes().take_while(u8::is_ascii_digit).count();
            let fraction =
                rest[whole..].strip_prefix('.').map(|rest| rest.bytes().take_while(u8::is_ascii_digit).count());
            length = whole + fraction.map_or(0, |fraction| fraction + 1);
            Token::Number(rest[..length].parse().map_err(|_| format!("'{}' is not a number", &rest[..length]))?)
        } else if matches!(c, '"' | '\'') {
            let end = rest[1..].find(c).ok_or("a text has no closing quote")?;
            length = end + 2;
            Token::Literal(rest[1..=end].to_owned())
        } else if is_name_start(c) {
            let mut end = rest.find(|c| !is_name_char(c)).unwrap_or(rest.len());
            // `prefix:local` or `prefix:*`, but not `axis::`
            if let Some(local) =
                rest[end..].strip_prefix(':').filter(|local| !local.starts_with(':') && !behind_operand)
            {
                let more = local.find(|c| !is_name_char(c)).unwrap_or(local.len());
                let more = if local.starts_with('*') { 1 } else { more };
                if more > 0 {
                    end += 1 + more;
                }
            }
            length = end;
            match (&rest[..end], behind_operand) {
                ("or", true) => Token::Operator(Operator::Or),
                ("and", true) => Token::Operator(Operator::And),
                ("div", true) => Token::Operator(Operator::Divide),
                ("mod", true) => Token::Operator(Operator::Modulo),
                (name, _) => Token::Name(name.to_owned()),
            }
        } else if c == '*' {
            length = 1;
            if behind_operand { Token::Operator(Operator::Times) } else { Token::Any }
        } else if let Some((sign, operator)) = OPERATORS.iter().find(|(sign, _)| rest.starts_with(sign)) {
            length = sign.len();
            Token::Operator(*operator)
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            length = sign.len();
            Token::Sign(sign)
        } else {
            return Err(format!("unexpected '{c}'"));
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn is_sign(&self, offset: usize, sign: &str) -> bool {
        matches!(self.tokens.get(self.at + offset), Some(Token::Sign(found)) if *found == sign)
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = self.is_sign(0, sign);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<()> {
        if self.take(sign) { Ok(()) } else { Err(format!("a '{sign}' is missing")) }
    }

    fn expression(&mut self) -> Result<Expression> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("it is nested deeper than {DEPTH_MAX} levels"));
        }
        let expression = self.chain(0)?;
        self.depth -= 1;
        Ok(expression)
    }

    /// Operators from the loosest level to the tightest.
    fn chain(&mut self, level: usize) -> Result<Expression> {
        use Operator::{
            And, Divide, Equal, Greater, GreaterOrEqual, Less, LessOrEqual, Minus, Modulo, NotEqual, Or, Plus, Times,
        };
        const LEVELS: [&[Operator]; 6] = [
            &[Or],
            &[And],
            &[Equal, NotEqual],
            &[Less, LessOrEqual, Greater, GreaterOrEqual],
            &[Plus, Minus],
            &[Times, Divide, Modulo],
        ];
        let Some(operators) = LEVELS.get(level) else { return self.negated() };
        let first = self.chain(level + 1)?;
        let mut more = Vec::new();
        while let Some(Token::Operator(operator)) = self.peek() {
            let operator = *operator;
            if !operators.contains(&operator) {
                break;
            }
            self.at += 1;
            more.push((operator, self.chain(level + 1)?));
        }
        Ok(if more.is_empty() { first } else { Expression::Chain(Box::new(first), more) })
    }

    fn negated(&mut self) -> Result<Expression> {
        let mut minus = false;
        let mut signs = 0;
        while self.peek() == Some(&Token::Operator(Operator::Minus)) {
            self.at += 1;
            minus = !minus;
            signs += 1;
        }
        let mut paths = vec![self.path()?];
        while self.take("|") {
            paths.push(self.path()?);
        }
        let single = paths.len() == 1;
        let expression = if single { paths.remove(0) } else { Expression::Union(paths) };
        let expression = if signs > 0 { Expression::Negated(Box::new(expression)) } else { expression };
        // Two signs make a number of what they stand before, but do not change it.
        Ok(if signs > 0 && !minus { Expression::Negated(Box::new(expression)) } else { expression })
    }

    /// A location path, or a primary expression with predicates and steps behind it.
    fn path(&mut self) -> Result<Expression> {
        let base = match self.peek() {
            Some(Token::Literal(text)) => Expression::Literal(text.clone()),
            Some(Token::Number(number)) => Expression::Number(*number),
            Some(Token::Sign("$")) => return Err("variables are not bound".to_owned()),
            Some(Token::Sign("(")) => {
                self.at += 1;
                let inner = self.expression()?;
                self.expect(")")?;
                self.at -= 1;
                inner
            }
            Some(Token::Name(name)) if self.is_sign(1, "(") && !is_node_type(name) => {
                let name = name.clone();
                self.call(&name)?
            }
            _ => return self.location(),
        };
        self.at += 1;
        let predicates = self.predicates()?;
        let mut steps = Vec::new();
        if self.is_sign(0, "/") || self.is_sign(0, "//") {
            self.steps(&mut steps)?;
        }
        if predicates.is_empty() && steps.is_empty() {
            return Ok(base);
        }
        Ok(Expression::Filter { base: Box::new(base), predicates, steps })
    }

    /// Reads a call up to its closing parenthesis, which stays.
    fn call(&mut self, name: &str) -> Result<Expression> {
        let function = function::find(name).ok_or_else(|| format!("there is no function '{name}'"))?;
        self.at += 2;
        let mut arguments = Vec::new();
        if !self.is_sign(0, ")") {
            loop {
                arguments.push(self.expression()?);
                if !self.take(",") {
                    break;
                }
            }
        }
        self.expect(")")?;
        self.at -= 1;
        if arguments.len() < function.least || arguments.len() > function.most {
            return Err(format!("the function '{name}' was given {} arguments", arguments.len()));
        }
        Ok(Expression::Call(function, arguments))
    }

    fn location(&mut self) -> Result<Expression> {
        let mut steps = Vec::new();
        if self.is_sign(0, "//") {
            self.steps(&mut steps)?;
            return Ok(Expression::Path { absolute: true, steps });
        }
        let absolute = self.take("/");
        if !absolute || self.begins_step() {
            steps.push(self.step()?);
            self.steps(&mut steps)?;
        }
        Ok(Expression::Path { absolute, steps })
    }

    fn begins_step(&self) -> bool {
        matches!(self.peek(), Some(Token::Name(_) | Token::Any | Token::Sign("." | ".." | "@")))
    }

    /// Reads `/step` and `//step` as often as they stand.
    fn steps(&mut self, steps: &mut Vec<Step>) -> Result<()> {
        loop {
            if self.take("//") {
                steps.push(Step { axis: Axis::DescendantOrSelf, test: Test::Node, predicates: Vec::new() });
            } else if !self.take("/") {
                return Ok(());
            }
            steps.push(self.step()?);
        }
    }

    fn step(&mut self) -> Result<Step> {
        for (sign, axis) in [(".", Axis::Itself), ("..", Axis::Parent)] {
            if self.take(sign) {
                return Ok(Step { axis, test: Test::Node, predicates: Vec::new() });
            }
        }
        let axis = if self.take("@") {
            Axis::Attribute
        } else if self.is_sign(1, "::") {
            let name = match self.peek() {
                Some(Token::Name(name)) => name.clone(),
                _ => return Err("an axis is missing before '::'".to_owned()),
            };
            self.at += 2;
            axis(&name).ok_or_else(|| format!("there is no axis '{name}'"))?
        } else {
            Axis::Child
        };
        let test = self.test()?;
        Ok(Step { axis, test, predicates: self.predicates()? })
    }

    fn test(&mut self) -> Result<Test> {
        let token = self.peek().cloned();
        self.at += 1;
        match token {
            Some(Token::Any) => Ok(Test::Any),
            Some(Token::Name(name)) if is_node_type(&name) && self.is_sign(0, "(") => {
                self.at += 1;
                let target = match self.peek() {
                    Some(Token::Literal(target)) if name == "processing-instruction" => Some(target.clone()),
                    _ => None,
                };
                self.at += usize::from(target.is_some());
                self.expect(")")?;
                Ok(match name.as_str() {
                    "node" => Test::Node,
                    "text" => Test::Text,
                    "comment" => Test::Comment,
                    _ => Test::Instruction(target),
                })
            }
            Some(Token::Name(name)) => match name.split_once(':') {
                None => Ok(Test::Name(name)),
                Some(("xml", local)) => Ok(Test::Xml(local.to_owned())),
                Some((prefix, _)) => {
                    Err(format!("the prefix '{prefix}' is not bound; local-name() and namespace-uri() find such names"))
                }
            },
            _ => Err("a step of the path is missing".to_owned()),
        }
    }

    fn predicates(&mut self) -> Result<Vec<Expression>> {
        let mut predicates = Vec::new();
        while self.take("[") {
            predicates.push(self.expression()?);
            self.expect("]")?;
        }
        Ok(predicates)
    }
}

fn is_node_type(name: &str) -> bool {
    matches!(name, "node" | "text" | "comment" | "processing-instruction")
}

fn axis(name: &str) -> Option<Axis> {
    Some(match name {
        "ancestor" => Axis::Ancestor,
        "ancestor-or-self" => Axis::AncestorOrSelf,
        "attribute" => Axis::Attribute,
        "child" => Axis::Child,
        "descendant" => Axis::Descendant,
        "descendant-or-self" => Axis::DescendantOrSelf,
        "following" => Axis::Following,
        "following-sibling" => Axis::FollowingSibling,
        "namespace" => Axis::Namespace,
        "parent" => Axis::Parent,
        "preceding" => Axis::Preceding,
        "preceding-sibling" => Axis::PrecedingSibling,
        "self" => Axis::Itself,
        _ => return None,
    })
}
